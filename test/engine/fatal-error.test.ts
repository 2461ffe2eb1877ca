import { expect, it } from 'vitest';
import { isFatal } from '../../src/engine/fatal-error.js';

it.each([
  'CUDA failure 700: an illegal memory access was encountered ; GPU=0',
  'CUDNN failure 5003: CUDNN_STATUS_EXECUTION_FAILED_CUDART ; GPU=0',
  'CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0',
  'CUDA error cudaErrorLaunchFailure: unspecified launch failure',
])('a process does not survive "%s"', (message) => {
  expect(isFatal(message, 'cuda')).toBe(true);
});

it('nor a WebGPU device that is lost', () => {
  expect(isFatal('WebGPU device lost (2): vkQueueSubmit failed', 'webgpu')).toBe(true);
});

it.each([
  'Failed to allocate memory for requested buffer of size 4294967296',
  'CUDA failure 2: out of memory ; GPU=0',
  'CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0',
  'CUDNN failure 3000: CUDNN_STATUS_NOT_SUPPORTED ; GPU=0',
  'the bundle duck is not loaded',
])('but it survives "%s"', (message) => {
  expect(isFatal(message, 'cuda')).toBe(false);
});

it('and on a CPU everything that it can still tell of', () => {
  expect(isFatal('CUDA failure 700: an illegal memory access was encountered', 'cpu')).toBe(false);
});
