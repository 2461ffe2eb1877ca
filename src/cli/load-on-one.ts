/** Loads a model on one device, which a command of one request needs no more than. */
import { Img2ImgError, messageOf } from '../errors.js';
import type { Service } from '../service.js';

/**
 * On the first of the devices that can have it: not every one runs its graphs, or has the memory.
 * @throws Img2ImgError `model_unavailable` when none can, with what each said
 */
export async function loadOnOne(service: Pick<Service, 'devices' | 'load'>, model: string): Promise<void> {
  const reasons = new Set<string>();
  for (const { id } of service.devices()) {
    try {
      await service.load(model, id);
      return;
    } catch (error) {
      reasons.add(messageOf(error));
    }
  }
  throw new Img2ImgError('model_unavailable', [...reasons].join('\n'), { details: { model } });
}
