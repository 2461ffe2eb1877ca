/** What is told of a failure to whoever asks: which file it was, not where on this machine that lies. */
import { realpathSync } from 'node:fs';
import path from 'node:path';

/**
 * @param folder of the models
 * @returns the message with the paths in it relative to that folder, whether they lead there by links or not
 */
export function withoutFolder(message: string, folder: string): string {
  const absolute = path.resolve(folder);
  const places = [absolute, realPath(absolute)].filter((place) => place !== path.parse(place).root);
  // The one may begin as the other does.
  places.sort((a, b) => b.length - a.length);
  const relative = places.reduce((told, place) => told.replaceAll(place + path.sep, ''), message);
  return places.reduce((told, place) => told.replaceAll(place, 'MODELS_DIR'), relative);
}

function realPath(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
