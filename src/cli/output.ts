/** Output of commands, whose reader may leave before its end as `| head` does. */

/** From now on a stream that cannot be written does not end the process, which may have an engine to close. */
export function outliveReaders(): void {
  // Of standard output, `writeOut` tells; what standard error says is for who reads it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
}

/**
 * Writes to standard output. That its reader left is no error: they had enough.
 * @throws Error where it cannot be written, as on a full disk
 */
export function writeOut(data: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(data, (error) => {
      if (error && (error as NodeJS.ErrnoException).code !== 'EPIPE') reject(error);
      else resolve();
    });
  });
}
