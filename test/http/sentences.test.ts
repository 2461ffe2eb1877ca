/** What is said of a fault names the field and what is allowed, never a word of JavaScript or of the validator. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NOISE, sketch, type TestApp, testApp } from './support.js';

let test: TestApp;
let image: string;

beforeAll(async () => {
  test = testApp();
  image = (await sketch()).toString('base64');
});
afterAll(() => test.app.close());

const json = { 'content-type': 'application/json' };
const post = (url: string, payload = '', headers: Record<string, string> = {}) =>
  test.app.inject({ method: 'POST', url, payload, headers });

describe('a sentence about a fault', () => {
  it.each([
    ['a number past all numbers in the query', '?seed=1e999', '{}', 'not "1e999"'],
    ['a number past all numbers in JSON', '', '{"seed":1e999}', 'not "Infinity"'],
    ['a list', '', '{"gamma":[1]}', 'not "a list"'],
    ['a field without a name', '?=1', '{}', 'There is no field ""'],
  ])('of a translation: %s', async (_name, query, body, expected) => {
    const withImage = body.replace('{', `{"image":"${image}"${body === '{}' ? '' : ','}`);
    const { detail } = (await post(`/v1/translate${query}`, withImage, json)).json();
    expect(detail).toContain(expected);
    expect(detail).not.toMatch(NOISE);
  });

  it.each([
    ['a list', '[1]', 'The fields must be an object, not "a list"'],
    ['a number', '5', 'The fields must be an object, not 5'],
    ['a device that is none', '{"device":5}', 'device must be text of at most 200 characters, not 5'],
  ])('of a load: %s', async (_name, body, expected) => {
    const { detail } = (await post('/v1/models/tiny-sketch/load', body, json)).json();
    expect(detail).toContain(expected);
    expect(detail).not.toMatch(NOISE);
  });
});
