import { interruptSignal } from './interrupt.ts';
import type { CliPorts } from './ports.ts';
import { runCli } from './program.ts';

/** Loaded when a verb needs them: `sluice --help` should not wait for a database driver. */
const ports: CliPorts = {
  runWorker: async (options) => {
    (await import('../workers/code-cache.ts')).useCodeCache();
    return (await import('../workers/run-worker.ts')).runWorker(options);
  },
  drainWorker: async (asked) => (await import('../workers/drain-client.ts')).drainWorker(asked),
  checkPipeline: async (spec, ofWorkers) => {
    (await import('../workers/warnings.ts')).quietKnownWarnings();
    return {
      findings: await (await import('../workers/preflight.ts')).checkPipeline(spec, ofWorkers),
    };
  },
  pipelineTopics: async (spec, namespace, secrets) =>
    (await import('../workers/pipeline-topics.ts')).pipelineTopics(spec, namespace, secrets),
  tableStandings: async (spec, namespace, secrets) =>
    (await import('../workers/table-standings.ts')).tableStandings(spec, namespace, secrets),
  sinkCosts: async (spec, options, secrets) =>
    (await import('../workers/cost.ts')).sinkCosts(spec, options, secrets),
  tailTopic: async function* (options) {
    yield* (await import('../workers/tail.ts')).tailTopic(options);
  },
  streamQuery: async function* (file, request, signal) {
    yield* (await import('../workers/query.ts')).streamQuery(file, request, signal);
  },
  connect: async (place) =>
    (await import('../temporal/pipeline-client.ts')).PipelineClient.connect(place),
};

// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`sluice: writing to standard output failed: ${error.message}\n`);
  process.exit(1);
});

const signal = interruptSignal();
const exitCode = await runCli(process.argv.slice(2), { ports, signal, env: process.env });
// After Ctrl-C a server that does not answer must not keep the process waiting.
if (signal.aborted) process.exit(exitCode);
process.exitCode = exitCode;
