import { describe, expect, it } from 'vitest';
import { Img2ImgError } from '../../src/errors.js';
import { Admission } from '../../src/scheduling/admission.js';

function refusal(action: () => unknown): Img2ImgError {
  try {
    action();
  } catch (error) {
    if (error instanceof Img2ImgError) return error;
  }
  throw new Error('it was admitted');
}

describe('admission', () => {
  it('refuses what goes over the limit and says when the backlog will be done', () => {
    const admission = new Admission(4, () => 2_300);
    admission.admit(3);
    const error = refusal(() => admission.admit(2));
    expect(error.code).toBe('queue_full');
    expect(error.retryAfterSeconds).toBe(3);
    expect(error.details).toEqual({ admitted: 3, limit: 4 });
  });

  it('does not tell a request to come back that it will never have room for', () => {
    const admission = new Admission(4, () => 0);
    const error = refusal(() => admission.admit(5));
    expect(error.code).toBe('invalid_request');
    expect(error.details).toEqual({ errors: [{ field: 'n', value: 5, allowed: 'at most 4' }] });
  });

  it('gives places back exactly once', () => {
    const admission = new Admission(2, () => 0);
    const release = admission.admit(2);
    release();
    release();
    expect(admission.admitted).toBe(0);
    admission.admit(2);
  });

  it('admits nobody while draining', () => {
    const admission = new Admission(2, () => 0);
    admission.drain();
    expect(refusal(() => admission.admit(1)).code).toBe('draining');
  });
});
