import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Whatever takes longest is begun first, and the rest runs beside it: most of its time it waits, for a queue or another process. */
const first = [
  'lib/local/start',
  'lib/local/restart',
  'lib/doctor',
  'lib/local/crash',
  'lib/local/drill',
  'lib/aws/bundles',
  'functions/providers/datadog',
  'lib/local/storm',
  'lib/local/demo',
  'lib/aws/grants-in-use',
  'lib/local/accepting',
  'lib/aws/app',
  'lib/alarms',
  'functions/platform/ledger',
].map((name) => `/test/${name}.test.ts`);
const rank = ({ moduleId }: TestSpecification) => {
  const index = first.findIndex((name) => moduleId.endsWith(name));
  return index < 0 ? first.length : index;
};

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    sequence: { sequencer: LongestFirst },
    // Most of the longer tests wait for a queue or a timeout, so more files than cores run side by side.
    maxWorkers: 4,
    // No test leaves anything behind in a module, so files share what a worker has loaded.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    env: { POWERTOOLS_LOG_LEVEL: 'SILENT', POWERTOOLS_DEV: 'false' },
  },
});
