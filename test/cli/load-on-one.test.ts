import { describe, expect, it, vi } from 'vitest';
import { loadOnOne } from '../../src/cli/load-on-one.js';
import type { ModelDescription, Service } from '../../src/service.js';

/** Two devices, of which those named here cannot have the model. */
function service(...unable: string[]) {
  const load = vi.fn<Service['load']>(async (_model, device) => {
    if (device !== undefined && unable.includes(device)) throw new Error(`not on ${device}`);
    return {} as ModelDescription;
  });
  const devices = () => ['cpu:0', 'cuda:0'].map((id) => ({ id, state: 'ready' as const, restarts: 0 }));
  return { devices, load };
}

describe('a model of one request', () => {
  it.each([
    { unable: [], asked: ['cpu:0'] },
    { unable: ['cpu:0'], asked: ['cpu:0', 'cuda:0'] },
  ])('is loaded on the first device that can have it, where $unable cannot', async ({ unable, asked }) => {
    const devices = service(...unable);
    await loadOnOne(devices, 'duck');
    expect(devices.load.mock.calls).toEqual(asked.map((id) => ['duck', id]));
  });

  it('is refused with what each device said, where none can', async () => {
    await expect(loadOnOne(service('cpu:0', 'cuda:0'), 'duck')).rejects.toMatchObject({
      code: 'model_unavailable',
      message: 'not on cpu:0\nnot on cuda:0',
    });
  });
});
