/** The studio in a real Chromium against the real server: `npm run test:browser`. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/browser/**/*.browser.test.ts'],
    // One browser and one server at a time: both use every core they get.
    fileParallelism: false,
    // Generous: on a machine busy with other things a model takes its time to load.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000, interval: 50 } },
  },
});
