/** The environment variables an engine's process has. */
import { cudaEnvironment } from './cuda-cards.js';

/**
 * From 1.29 on, ONNX Runtime for Linux reports its use to Microsoft unless told otherwise before it is loaded, and keeps a
 * device id and a database in the home directory. Whoever wants that says so: a variable that is set is left alone.
 */
const NO_TELEMETRY = { ORT_DISABLE_TELEMETRY: '1' };

export function engineEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...NO_TELEMETRY, ...cudaEnvironment(environment) };
}
