/** What every route is given. */
import type { Config } from '../config.js';
import type { Service } from '../service.js';
import type { ByteBudget } from './byte-budget.js';
import type { HttpMetrics } from './http-metrics.js';
import type { Lifecycle } from './lifecycle.js';

export interface HttpContext {
  config: Config;
  service: Service;
  metrics: HttpMetrics;
  lifecycle: Lifecycle;
  /** Of request bodies and frames. */
  bodies: ByteBudget;
  /** Of answers and pictures of streams that their clients have not read yet. */
  answers: ByteBudget;
}
