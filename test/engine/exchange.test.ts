import { afterEach, describe, expect, it } from 'vitest';
import { Exchange, readRegion, writeRegion } from '../../src/engine/exchange.js';

const opened: Exchange[] = [];
function open(maxBytes?: number): Exchange {
  const exchange = Exchange.open(maxBytes);
  if (exchange === undefined) throw new Error('no file in memory here');
  opened.push(exchange);
  return exchange;
}
afterEach(() => {
  for (const exchange of opened.splice(0)) exchange.close();
});

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe('the exchange', () => {
  it('gives back what the other side wrote into a region', () => {
    const exchange = open();
    const region = exchange.put(bytes(1_000, 1));
    if (region === undefined) throw new Error('no room');
    expect(readRegion(exchange.fd, region)).toEqual(bytes(1_000, 1));
    writeRegion(exchange.fd, region, bytes(1_000, 2));
    expect(exchange.take(region)).toEqual(bytes(1_000, 2));
  });

  it('keeps the regions of requests in the air apart, and uses those of answered ones again', () => {
    const exchange = open();
    const first = exchange.put(bytes(100, 1));
    const second = exchange.put(bytes(300, 2));
    if (first === undefined || second === undefined) throw new Error('no room');
    exchange.release(first);
    const large = exchange.put(bytes(200, 3));
    const small = exchange.put(bytes(60, 4));
    expect(large?.offset).toBe(400);
    expect(small?.offset).toBe(0);
    expect(exchange.take(second)).toEqual(bytes(300, 2));
  });

  it('has no room beyond its limit, nor after its end: then images go another way', () => {
    const exchange = open(1_000);
    expect(exchange.put(bytes(600, 1))).toBeDefined();
    expect(exchange.put(bytes(600, 1))).toBeUndefined();
    exchange.close();
    expect(exchange.put(bytes(1, 1))).toBeUndefined();
  });
});
