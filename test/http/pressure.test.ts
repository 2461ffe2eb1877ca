/** A server whose event loop cannot keep up says so, and stays observable. */
import { expect, it } from 'vitest';
import { testApp } from './support.js';

it('new work is refused with 503 while the event loop is blocked, health is still told', async () => {
  const test = testApp();
  await test.app.ready();
  for (let round = 0; round < 3; round++) {
    const end = performance.now() + 1500;
    while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const refused = await test.app.inject({ url: '/v1/styles' });
  expect(refused.statusCode).toBe(503);
  expect(refused.headers['retry-after']).toBe('5');
  expect(refused.json()).toMatchObject({ code: 'overloaded' });
  expect((await test.app.inject({ url: '/health/live' })).statusCode).toBe(200);
  expect((await test.app.inject({ url: '/metrics' })).statusCode).toBe(200);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect((await test.app.inject({ url: '/v1/styles' })).statusCode).toBe(200);
  await test.app.close();
});
