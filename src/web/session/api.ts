/** The REST calls of the page. */
import type { Problem, StreamConfiguration } from '../../client/index.js';
import type { Catalogue, Model, Style, TranslationAnswer } from './catalogue.js';

export interface TranslatedImage {
  seed: number;
  blob: Blob;
}

/** A refusal of the server, or none at all (status 0). */
export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem;
  return {
    title: 'Something went wrong',
    status: 0,
    detail: error instanceof Error ? error.message : String(error),
  };
}

/** The server's address: where this page came from, also below a path. */
export function serverUrl(): URL {
  return new URL('./', document.baseURI.replace(/[#?].*$/, ''));
}

/** @throws ProblemError */
export async function fetchCatalogue(): Promise<Catalogue> {
  const [models, styles] = await Promise.all([
    request<{ default?: string | null; models: Model[] }>('v1/models'),
    request<{ styles: Style[] }>('v1/styles'),
  ]);
  return { defaultModel: models.default ?? undefined, models: models.models, styles: styles.styles };
}

/** Translates one picture outside the stream. @throws ProblemError */
export async function translate(
  image: Blob,
  configuration: StreamConfiguration & { n?: number },
  signal?: AbortSignal,
): Promise<TranslatedImage[]> {
  const form = new FormData();
  form.set('image', image, image.type === 'image/jpeg' ? 'sketch.jpg' : 'sketch.png');
  for (const [name, value] of Object.entries({ ...configuration, response: 'json' })) {
    if (value !== undefined) form.set(name, String(value));
  }
  const answer = await request<TranslationAnswer>('v1/translate', {
    method: 'POST',
    body: form,
    ...(signal === undefined ? {} : { signal }),
  });
  return answer.images.map(({ data, seed, format }) => ({ seed, blob: blobOf(data, `image/${format}`) }));
}

/** What the server has against such a request; undefined where it takes it. */
export async function refusalOf(path: string, method: 'GET' | 'POST'): Promise<Problem | undefined> {
  return request(path, { method }).then(() => undefined, problemOf);
}

async function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(new URL(path, serverUrl()), { ...init, headers: { accept: 'application/json' } });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ProblemError({
      title: 'Server out of reach',
      status: 0,
      detail: 'No answer came. Is it still running?',
    });
  }
  if (response.ok) return (await response.json()) as T;
  const problem = (await response.json().catch(() => undefined)) as Problem | undefined;
  throw new ProblemError(problem ?? { title: response.statusText || 'Refused', status: response.status });
}

function blobOf(base64: string, type: string): Blob {
  return new Blob([Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))], { type });
}
