/** The service behind every way in: bundles, styles, devices and the translator, without a word of HTTP. */

import type { Manifest } from './bundles/manifest.js';
import type { BundleResidency } from './bundles/residency.js';
import type { EngineState } from './engine/engine.js';
import type { StreamConfiguration } from './request.js';
import type { OutputFormat, Translates } from './translation.js';

export type ModelDescription =
  | ({
      status: 'ready';
      residency: BundleResidency[];
      directions: { id: string; title: string; prompt?: string }[];
    } & Pick<
      Manifest,
      | 'id'
      | 'title'
      | 'description'
      | 'family'
      | 'conditioning'
      | 'prompt'
      | 'stochastic'
      | 'default_gamma'
      | 'size'
      | 'layout'
      | 'precision'
      | 'licence'
      | 'origin'
    >)
  | { id: string; status: 'failed'; reason: string };

export interface StyleDescription {
  id: string;
  title: string;
  template: string;
}

export interface DeviceHealth {
  id: string;
  state: EngineState;
  restarts: number;
}

export interface Service extends Translates {
  defaultModel(): string | undefined;
  models(): ModelDescription[];
  /** @throws Img2ImgError `unknown_model` listing those there are */
  model(id: string): ModelDescription;
  /**
   * Loads onto the named device, or onto every one, as its folder has it now: a new bundle is found, and one that changed
   * takes the place of what was loaded. Resolves when loaded and warm; a device that is away is not waited for, and loads
   * it when it is back.
   * @throws Img2ImgError `unknown_model`, `unknown_device`, `model_unavailable` with the reason, `engine_unavailable` where
   *   none of them is there
   */
  load(id: string, device?: string): Promise<ModelDescription>;
  /** Unloads from the named device, or from every one, after the batches that use it. */
  unload(id: string, device?: string): Promise<ModelDescription>;
  styles(): readonly StyleDescription[];
  /**
   * Checks settings against their model without running anything, and tells them with everything filled in: size unless
   * `fit` is `none`, quality unless the format has none, and of what only some models take, what this one does. The same
   * check every translation goes through.
   * @throws Img2ImgError `invalid_request`, `unknown_model`, `unknown_style`, `unknown_direction`, `model_unavailable`
   */
  resolve(settings: StreamConfiguration): ResolvedSettings;
  devices(): DeviceHealth[];
  /**
   * Ready means: some device is up, neither a preloaded bundle nor the default one is refused, and the preloaded ones are
   * resident, unless one was unloaded on purpose (by hand, or to make room): that one is loaded again when it is asked
   * for. `reasons` says what is missing.
   */
  readiness(): { ready: boolean; reasons: string[] };
  /** From now on every new translation is refused with `draining`. */
  drain(): void;
  /** Ends the engines; translations still in the air are refused. */
  close(): Promise<void>;
}

export type ResolvedSettings = StreamConfiguration & {
  model: string;
  direction: string;
  seed: number;
  format: OutputFormat;
};
