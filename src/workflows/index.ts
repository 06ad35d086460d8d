/** Everything a worker registers; the names here are the workflow types. */
export { cdcDrop } from './drop.ts';
export { cdcPipeline } from './pipeline.ts';
export { cdcSink } from './sink.ts';
export { cdcSnapshotTrigger } from './snapshot-trigger.ts';
