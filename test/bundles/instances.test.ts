import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bundle } from '../../src/bundles/bundle.js';
import { Instances } from '../../src/bundles/instances.js';
import type { BatchSpec } from '../../src/engine/protocol.js';
import { FakeEngine } from '../scheduling/fake-engine.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'queueMicrotask'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const manifest = { id: 'duck', precision: 'fp32', target: 'cpu' };
// Instances read no more of a bundle than this.
const duck = { id: 'duck', manifest, graphBytes: 1_000 } as unknown as Bundle;
const ROOM = 1e9;

function make() {
  const engine = new FakeEngine({ maxInstances: 2, loadMs: 50, runMs: 1_000 });
  const events: string[] = [];
  const instances = new Instances(engine, {
    onMultiplied: (_, reason) => events.push(reason ?? 'multiplied'),
    onGivenBack: () => events.push('given back'),
  });
  return { engine, instances, events };
}

const run = (engine: FakeEngine, instance: number) =>
  engine.run({ seeds: [1], images: new Uint8Array(3), runSize: 1 } as unknown as BatchSpec, instance);

describe('instances', () => {
  it('are counted from when they are asked for until the last of their runs has ended', async () => {
    const { engine, instances, events } = make();
    instances.multiply(duck, ROOM);
    expect(instances.bytes('duck')).toBe(2_000);
    await vi.advanceTimersByTimeAsync(60);
    void run(engine, 1);
    const first = instances.giveBack(duck);
    const second = instances.giveBack(duck);
    let back = 0;
    for (const gone of [first, second]) void gone.then(() => back++);
    await vi.advanceTimersByTimeAsync(1_900);
    expect(engine.instances('duck')).toBe(0);
    expect([back, instances.bytes('duck')]).toEqual([0, 2_000]);
    await vi.advanceTimersByTimeAsync(200);
    expect([back, instances.bytes('duck')]).toEqual([2, 0]);
    expect(events).toEqual(['multiplied', 'given back']);
  });

  it('that are given back while they are made are waited for', async () => {
    const { engine, instances, events } = make();
    instances.multiply(duck, ROOM);
    void instances.giveBack(duck);
    await vi.advanceTimersByTimeAsync(60);
    expect(events).toEqual(['multiplied', 'given back']);
    expect(engine.instances('duck')).toBe(0);
    expect(instances.bytes('duck')).toBe(0);
  });

  it('of a bundle that was unloaded while they were made are neither told of nor given back', async () => {
    const { instances, events } = make();
    instances.multiply(duck, ROOM);
    instances.forget('duck');
    await vi.advanceTimersByTimeAsync(100_000);
    expect(instances.bytes('duck')).toBe(0);
    expect(events).toEqual([]);
  });

  it('are asked for once more, later, where the engine died while they were made: it may have been of something else', async () => {
    const { engine, instances, events } = make();
    const dieOfThem = async () => {
      instances.multiply(duck, ROOM);
      engine.die('killed');
      await vi.advanceTimersByTimeAsync(600);
      instances.multiply(duck, ROOM);
    };
    await dieOfThem();
    expect(engine.multiplications).toBe(1);
    await vi.advanceTimersByTimeAsync(300_000);
    await dieOfThem();
    expect(engine.multiplications).toBe(2);
    await vi.advanceTimersByTimeAsync(86_400_000);
    instances.multiply(duck, ROOM);
    expect(engine.multiplications).toBe(2);
    expect(events).toEqual(['killed', 'killed']);
  });

  it('that the engine refuses are not asked for again', async () => {
    const { engine, instances, events } = make();
    engine.failingMultiply = 'no memory';
    instances.multiply(duck, ROOM);
    await vi.advanceTimersByTimeAsync(86_400_000);
    instances.multiply(duck, ROOM);
    expect(engine.multiplications).toBe(1);
    expect(events).toEqual(['no memory']);
  });

  it('are not asked for where they do not fit, nor again while they are there', async () => {
    const { engine, instances } = make();
    instances.multiply(duck, 1_999);
    expect(engine.multiplications).toBe(0);
    for (let i = 0; i < 3; i++) instances.multiply(duck, ROOM);
    await vi.advanceTimersByTimeAsync(60);
    instances.multiply(duck, ROOM);
    expect(engine.multiplications).toBe(1);
  });
});
