import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Most of the longer tests wait for a queue or a timeout, so more files than cores run side by side.
    maxWorkers: 4,
    // No test leaves anything behind in a module, so files share what a worker has loaded.
    isolate: false,
    // A machine that is busy with much else is slow, and no less right.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    env: { POWERTOOLS_LOG_LEVEL: 'SILENT', POWERTOOLS_DEV: 'false' },
  },
});
