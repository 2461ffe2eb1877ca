/** What the server answers: the parts of `GET /v1/models`, `GET /v1/styles` and `POST /v1/translate` that the page uses. */

export interface ReadyModel {
  id: string;
  status: 'ready';
  title: string;
  description: string;
  family: string;
  conditioning: {
    kind: 'sketch' | 'edge' | 'image';
    low_threshold?: number | undefined;
    high_threshold?: number | undefined;
  };
  prompt:
    | { policy: 'free'; template?: string | undefined; example?: string | undefined }
    | { policy: 'fixed' };
  directions: { id: string; title: string; prompt?: string | undefined }[];
  stochastic: boolean;
  default_gamma?: number | undefined;
  size: { native: [number, number]; dynamic: boolean };
  precision: string;
  licence: { weights: string; data?: string | undefined };
  origin: string;
  residency: { device: string; state: string }[];
}

export type Model = ReadyModel | { id: string; status: 'failed'; reason: string };

export interface Style {
  id: string;
  title: string;
  template: string;
}

export interface Catalogue {
  defaultModel: string | undefined;
  models: Model[];
  styles: Style[];
}

/** `POST /v1/translate` with `response=json`. */
export interface TranslationAnswer {
  images: { data: string; seed: number; format: string }[];
}
