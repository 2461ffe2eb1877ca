/** Something to start with: sketches, as lines a hand could have drawn (drawing units, one stroke a path), and pictures. */
import { type Point, SIDE, type Stroke } from './document.js';

export interface ExampleSketch {
  /** What it shows, in the words a prompt would use. */
  prompt: string;
  paths: readonly string[];
}

export const EXAMPLE_SKETCHES: readonly ExampleSketch[] = [
  {
    prompt: 'a yellow duck',
    paths: [
      'M196 214 C150 196 138 132 182 104 C230 74 288 104 286 158 C284 186 270 204 262 222',
      'M262 222 C300 250 352 250 392 214 C404 204 420 210 418 230 C414 330 356 400 250 402 C150 402 92 348 104 288 C112 246 152 222 196 214',
      'M152 142 C128 140 104 148 90 164 C106 182 136 182 156 172',
      'M92 164 C112 166 132 164 150 158',
      'M204 140 C204 130 218 130 218 140 C218 150 204 150 204 140',
      'M218 292 C262 274 316 276 344 296 C330 344 262 356 226 328',
      'M262 320 C282 324 304 320 318 312',
    ],
  },
  {
    prompt: 'a red mushroom with white dots',
    paths: [
      'M84 270 C88 150 166 84 256 84 C346 84 424 150 428 270 C372 300 140 300 84 270',
      'M196 292 C206 340 200 380 184 416 C218 438 294 438 328 416 C312 380 306 340 316 292',
      'M180 176 C180 148 222 148 222 176 C222 204 180 204 180 176',
      'M284 146 C284 122 322 122 322 146 C322 172 284 172 284 146',
      'M330 226 C330 204 368 204 368 226 C368 250 330 250 330 226',
      'M240 236 C240 218 270 218 270 236 C270 254 240 254 240 236',
      'M132 236 C132 218 164 218 164 236 C164 254 132 254 132 236',
    ],
  },
  {
    prompt: 'a sailing boat',
    paths: [
      'M76 330 C190 346 322 346 436 330 C420 386 388 416 340 420 L176 420 C126 416 90 386 76 330',
      'M256 338 L256 78',
      'M270 92 C340 150 378 220 392 304 C350 312 310 314 270 314 L270 92',
      'M242 120 C196 176 158 236 134 302 C168 310 204 314 242 314 L242 120',
      'M60 452 C92 436 118 436 150 452 C182 468 208 468 240 452 C272 436 298 436 330 452 C362 468 388 468 452 448',
    ],
  },
];

const SPACING = 5;

/** The path as points a few units apart. */
export function strokeOf(path: string, width: number): Stroke {
  const element = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  element.setAttribute('d', path);
  const length = element.getTotalLength();
  const count = Math.max(2, Math.round(length / SPACING));
  const points = Array.from({ length: count + 1 }, (_, index): Point => {
    const { x, y } = element.getPointAtLength((length * index) / count);
    return [Math.min(SIDE, x), Math.min(SIDE, y), 0.5];
  });
  return { kind: 'stroke', tool: 'pen', width, pressure: false, points };
}

/** The example whose subject the prompt speaks of, else the first. */
export function exampleFor(prompt: string | undefined): ExampleSketch {
  const words = new Set((prompt ?? '').toLowerCase().match(/[a-z]{4,}/g) ?? []);
  const matching = EXAMPLE_SKETCHES.find((example) =>
    example.prompt.split(' ').some((word) => words.has(word)),
  );
  return matching ?? (EXAMPLE_SKETCHES[0] as ExampleSketch);
}

/** Streets that `scripts/train/data/street.py` drew, by day and by night; not among those the shipped model has seen. */
const DAY = new URL('../samples/street-day.jpg', import.meta.url);
const NIGHT = new URL('../samples/street-night.jpg', import.meta.url);

/** A picture for models that translate pictures. @throws TypeError where the server is out of reach */
export async function examplePicture(direction: string | undefined): Promise<Blob> {
  const response = await fetch(direction?.startsWith('night') ? NIGHT : DAY);
  return response.blob();
}
