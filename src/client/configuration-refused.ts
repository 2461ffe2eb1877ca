/** What an iteration over results ends with where none can come. */
import type { Problem } from './protocol.js';

/** The server refused the only configuration there is: without another one no frame becomes a picture. */
export class ConfigurationRefused extends Error {
  override readonly name = 'ConfigurationRefused';
  /** Why, in the server's words. */
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.problem = problem;
  }
}
