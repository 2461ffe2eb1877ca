/** What every route is given. */
import type { Config } from '../config.js';
import type { Service } from '../service.js';
import type { BodyBudget } from './body-budget.js';
import type { HttpMetrics } from './http-metrics.js';
import type { Lifecycle } from './lifecycle.js';

export interface HttpContext {
  config: Config;
  service: Service;
  metrics: HttpMetrics;
  lifecycle: Lifecycle;
  bodies: BodyBudget;
}
