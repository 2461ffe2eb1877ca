/** Settings of a request, checked against the bundle they name and filled in with its defaults. */
import { randomInt } from 'node:crypto';
import type { Bundle } from './bundles/bundle.js';
import type { Catalogue } from './bundles/catalogue.js';
import type { Direction } from './bundles/manifest.js';
import { Img2ImgError, unknownId } from './errors.js';
import { type Conditioning, defaultThresholds } from './images/conditioning.js';
import { defaultQuality } from './images/encode.js';
import { checkSize } from './images/fit.js';
import type { Size } from './images/raster.js';
import { applyStyle, type Style } from './prompts/styles.js';
import type { StreamConfiguration } from './request.js';
import type { ResolvedSettings } from './service.js';

/** Everything a translation needs to know before it looks at its image. */
export interface ResolvedRequest {
  bundle: Bundle;
  direction: Direction;
  /** The prompt as the model gets it: the style's template around it, or the direction's own. */
  prompt: string;
  seed: number;
  /** 1 for deterministic bundles, which ignore it. */
  gamma: number;
  /** Absent: the native size, or with `fit: none` the picture's own. */
  size: Size | undefined;
  /** How the model wants the image, with the request's wishes in it. */
  conditioning: Conditioning;
  /** Milliseconds from its arrival to its deadline. */
  timeoutMs: number;
  settings: ResolvedSettings;
}

export interface ResolveContext {
  catalogue: Catalogue;
  styles: readonly Style[];
  defaultTimeoutMs: number;
  defaultModel(): string | undefined;
}

/**
 * @throws Img2ImgError `unknown_model`, `model_unavailable`, `unknown_direction`, `unknown_style`, or
 *   `invalid_request` for a field that does not go with the model
 */
export function resolveRequest(settings: StreamConfiguration, context: ResolveContext): ResolvedRequest {
  const { catalogue, styles } = context;
  const model = settings.model ?? context.defaultModel();
  if (model === undefined) {
    throw new Img2ImgError(
      'unknown_model',
      'There is no model here: the models folder holds no bundle that is ready.',
    );
  }
  const bundle = catalogue.bundle(model);
  const { manifest } = bundle;
  const direction = chooseDirection(bundle, settings.direction);
  refuseFieldsOfOtherModels(settings, bundle);
  const size = parseSize(settings.size);
  if (size !== undefined) checkSize(size, manifest.size);
  const format = settings.format ?? 'png';
  const seed = settings.seed ?? randomInt(2 ** 31);
  const gamma = settings.gamma ?? manifest.default_gamma ?? 1;
  const conditioning = conditioningOf(settings, bundle);
  const timeoutMs = settings.timeout_ms ?? context.defaultTimeoutMs;
  const [nativeWidth, nativeHeight] = manifest.size.native;
  const { invert: _, ...others } = settings;
  return {
    bundle,
    direction,
    prompt:
      manifest.prompt.policy === 'fixed'
        ? (direction.prompt ?? '')
        : applyStyle(styles, settings.style, settings.prompt ?? '', manifest.prompt.template),
    seed,
    gamma,
    size,
    conditioning,
    timeoutMs,
    settings: {
      // What only some models take is filled in for those, and left out for the others.
      ...others,
      ...fieldsOf(conditioning),
      ...(manifest.stochastic ? { gamma } : {}),
      timeout_ms: timeoutMs,
      model: bundle.id,
      direction: direction.id,
      seed,
      format,
      ...(format === 'png' ? {} : { quality: settings.quality ?? defaultQuality[format] }),
      // With `none` the size is the picture's own, and not known before it comes.
      ...(settings.fit === 'none' ? {} : { size: settings.size ?? `${nativeWidth}x${nativeHeight}` }),
    },
  };
}

function conditioningOf(settings: StreamConfiguration, bundle: Bundle): Conditioning {
  const { kind } = bundle.manifest.conditioning;
  if (kind === 'sketch') return { kind, invert: settings.invert ?? 'auto' };
  if (kind === 'image') return { kind };
  const { low, high } = thresholdsOf(settings, bundle);
  return { kind, lowThreshold: low, highThreshold: high };
}

/** The request's fields that ask for this conditioning. */
function fieldsOf(conditioning: Conditioning): Partial<StreamConfiguration> {
  switch (conditioning.kind) {
    case 'sketch':
      return { invert: conditioning.invert };
    case 'edge':
      return { low_threshold: conditioning.lowThreshold, high_threshold: conditioning.highThreshold };
    case 'image':
      return {};
  }
}

function chooseDirection(bundle: Bundle, wanted: string | undefined): Direction {
  const { directions } = bundle.manifest;
  const chosen = wanted === undefined ? directions[0] : directions.find(({ id }) => id === wanted);
  if (chosen !== undefined) return chosen;
  const available = directions.map(({ id }) => id);
  const message = `The model "${bundle.id}" has no direction "${wanted}"; there are ${available.join(', ')}.`;
  throw unknownId('direction', wanted, available, message);
}

/** A field that would do nothing is refused: whoever sends it expects that it does something. */
function refuseFieldsOfOtherModels(settings: StreamConfiguration, bundle: Bundle): void {
  const { conditioning, prompt, stochastic } = bundle.manifest;
  const faults: { field: string; value: unknown; message: string; allowed: string }[] = [];
  const refuse = (field: keyof StreamConfiguration, why: string): void => {
    const value = settings[field];
    if (value === undefined) return;
    faults.push({
      field,
      value,
      message: `${field} does not go with ${bundle.id}: ${why}`,
      allowed: 'leave it out',
    });
  };
  if (prompt.policy === 'fixed') {
    refuse('prompt', 'its prompt is fixed by the direction');
    refuse('style', 'its prompt is fixed by the direction');
  }
  if (!stochastic) refuse('gamma', 'it is not stochastic');
  if (conditioning.kind !== 'edge') {
    refuse('low_threshold', 'it does not look for edges');
    refuse('high_threshold', 'it does not look for edges');
  }
  if (conditioning.kind !== 'sketch' && settings.invert !== 'auto')
    refuse('invert', 'it does not take sketches');
  const { low, high } = thresholdsOf(settings, bundle);
  if (conditioning.kind === 'edge' && low > high) {
    const value = `${low}, ${high}`;
    const message = `low_threshold ${low} is above high_threshold ${high}`;
    faults.push({ field: 'low_threshold', value, message, allowed: 'at most high_threshold' });
  }
  if (faults.length === 0) return;
  throw new Img2ImgError('invalid_request', `${faults.map(({ message }) => message).join('; ')}.`, {
    details: { errors: faults },
  });
}

/** Canny thresholds: the request's, else the bundle's, else the reference's. */
function thresholdsOf(settings: StreamConfiguration, bundle: Bundle): { low: number; high: number } {
  const { conditioning } = bundle.manifest;
  return {
    low: settings.low_threshold ?? conditioning.low_threshold ?? defaultThresholds.low,
    high: settings.high_threshold ?? conditioning.high_threshold ?? defaultThresholds.high,
  };
}

function parseSize(size: string | undefined): Size | undefined {
  if (size === undefined) return undefined;
  const [width, height] = size.split('x').map(Number);
  return { width: width ?? 0, height: height ?? 0 };
}
