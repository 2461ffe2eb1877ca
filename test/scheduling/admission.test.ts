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
    admission.admit(3, 'one');
    const error = refusal(() => admission.admit(2, 'other'));
    expect(error.code).toBe('queue_full');
    expect(error.message).toBe('3 pictures are being made or wait; at most 4 may. Try again in 3 s.');
    expect(error.retryAfterSeconds).toBe(3);
    expect(error.details).toEqual({ full: 'queue', admitted: 3, limit: 4 });
  });

  it('tells a client that holds its share so, and lets others in', () => {
    const admission = new Admission(128, () => 2_300);
    for (let i = 0; i < 113; i++) admission.admit(1, 'flood');
    const error = refusal(() => admission.admit(1, 'flood'));
    expect(error.code).toBe('queue_full');
    expect(error.message).toBe(
      'This client has 113 of at most 128 pictures being made or waiting, its share: the rest is for others. Try again in 3 s.',
    );
    expect(error.retryAfterSeconds).toBe(3);
    expect(error.details).toEqual({ full: 'share', client_admitted: 113, admitted: 113, limit: 128 });
    const release = admission.admit(8, 'polite');
    expect(admission.admitted).toBe(121);
    release();
  });

  it('does not tell a request to come back that it will never have room for', () => {
    const admission = new Admission(4, () => 0);
    const error = refusal(() => admission.admit(5, 'one'));
    expect(error.code).toBe('invalid_request');
    expect(error.details).toEqual({ errors: [{ field: 'n', value: 5, allowed: 'at most 4' }] });
  });

  it('gives places back exactly once', () => {
    const admission = new Admission(2, () => 0);
    const release = admission.admit(2, 'one');
    release();
    release();
    expect(admission.admitted).toBe(0);
    admission.admit(2, 'one');
  });

  it('admits nobody while draining', () => {
    const admission = new Admission(2, () => 0);
    admission.drain();
    expect(refusal(() => admission.admit(1, 'one')).code).toBe('draining');
  });
});
