/** Forms as clients write them, well and badly, come apart or are refused with a reason. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { HttpError } from '../../src/http/problem.js';
import { partsOfForm } from '../../src/http/translate/form.js';

const TYPE = 'multipart/form-data; boundary=b';
const split = (body: string, type = TYPE) => partsOfForm(Buffer.from(body), type);
const part = (headers: string, content = 'x') => `--b\r\n${headers}\r\n\r\n${content}\r\n`;
const named = (name: string) => part(`Content-Disposition: form-data; name="${name}"`);

describe('a form', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('keeps the bytes of its parts, line ends and what resembles the boundary among them', () => {
    const content = Buffer.concat([Buffer.from('\r\n\r\n--\r\n-b\n--b\r\n'), Buffer.from([0, 255, 13, 10])]);
    const body = Buffer.concat([
      Buffer.from('--b\r\ncontent-disposition: FORM-DATA; filename="a;name=z.png"; name=image\r\n\r\n'),
      content,
      Buffer.from('\r\n--b--'),
    ]);
    const [image, ...rest] = partsOfForm(body, TYPE);
    expect(image).toMatchObject({ name: 'image', isFile: true, hasFilename: true });
    expect(Buffer.compare(image?.bytes ?? Buffer.of(), content)).toBe(0);
    expect(rest).toEqual([]);
  });

  it.each([
    ['text before it and after it', `Hello.\r\n${named('a')}${named('c')}--b--\r\nBye.`, TYPE],
    [
      'a boundary in quotes',
      `${named('a')}${named('c')}--b--`,
      'multipart/form-data; charset=utf-8; boundary="b"',
    ],
    ['blanks behind the boundary', `${named('a')}${named('c')}--b--`.replace('--b\r\n', '--b \t\r\n'), TYPE],
  ])('may have %s', (_name, body, type) => {
    expect(split(body, type).map(({ name, bytes }) => [name, String(bytes)])).toEqual([
      ['a', 'x'],
      ['c', 'x'],
    ]);
  });

  it('has files by their name, by their type, and as `image`', () => {
    const disposition = 'Content-Disposition: form-data; name=';
    const files = [
      `${disposition}"a"; filename=""`,
      `${disposition}"a"; filename*=UTF-8''a.png`,
      `${disposition}"a"\r\nContent-Type: application/octet-stream`,
      `${disposition}"image"`,
      `${disposition}"a"\r\nContent-Type: text/plain; charset=iso-8859-1`,
    ];
    const parts = split(`${files.map((headers) => part(headers)).join('')}--b--`);
    expect(parts.map(({ isFile }) => isFile)).toEqual([true, true, true, true, false]);
    expect(parts.map(({ hasFilename }) => hasFilename)).toEqual([true, true, false, false, false]);
    expect(parts.at(-1)?.charset).toBe('iso-8859-1');
  });

  it('may name a file as long as a file system lets it be', () => {
    const name = '画'.repeat(255);
    const filename = `filename="${name}"; filename*=UTF-8''${encodeURIComponent(name)}`;
    const [image] = split(`${part(`Content-Disposition: form-data; name="image"; ${filename}`)}--b--`);
    expect(image).toMatchObject({ name: 'image', hasFilename: true });
  });

  it('comes apart at once, whatever its headers are full of', () => {
    const headers = `Content-Disposition: form-data; name="image"; ${'a=;'.repeat(1_300)}`;
    const start = performance.now();
    split(`${part(headers).repeat(32)}--b--`);
    expect(performance.now() - start).toBeLessThan(100);
  });

  it('cut off anywhere is refused', () => {
    const whole = `${named('a')}${part('Content-Disposition: form-data; name="image"; filename="b"')}--b--`;
    for (let length = 0; length < whole.length; length++) {
      expect(() => split(whole.slice(0, length)), `${length}`).toThrow(HttpError);
    }
  });

  it.each([
    ['countless parts', `${named('a').repeat(33)}--b--`, /more than 32 parts/],
    ['endless headers', `${part(`X: ${'x'.repeat(5_000)}`)}--b--`, /headers of part 1 are too long/],
    ['lines that end in LF alone', named('a').replaceAll('\r', ''), /do not end in CRLF/],
    [
      'its boundary within a line',
      `${part('Content-Disposition: form-data; name="a"', 'x\r\n--bc\r\nA: b\r\n\r\ny')}--b--`,
      /part 2 has no/,
    ],
  ])('with %s is refused', (_name, body, reason) => {
    expect(() => split(body)).toThrow(reason);
  });

  it('with headers that are not UTF-8 is refused', () => {
    const body = Buffer.from(`${named('a')}${named('ä')}--b--`, 'latin1');
    expect(() => partsOfForm(body, TYPE)).toThrow(/headers of part 2 are not UTF-8/);
  });

  it('is not blamed for what is no fault of its own', () => {
    const fault = new TypeError('a fault of the parser');
    vi.spyOn(TextDecoder.prototype, 'decode').mockImplementationOnce(() => {
      throw fault;
    });
    expect(() => split(`${named('a')}--b--`)).toThrow(fault);
  });
});
