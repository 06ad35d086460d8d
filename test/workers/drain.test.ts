import { describe, expect, it } from 'vitest';
import {
  type DrainOptions,
  type DrainParts,
  type DrainStep,
  drain,
} from '../../src/workers/drain.ts';
import { HeldWork } from '../../src/workers/held-work.ts';

const QUEUES = ['stream', 'sink'];

/** A process with work on two queues; its work ends as soon as it is told to. */
class Process {
  readonly held = new HeldWork();
  readonly left: string[] = [];
  readonly steps: DrainStep[] = [];
  readonly taken: string[] = [];
  running = 0;
  mostEnding = 0;
  #ending = 0;

  begin(taskQueue: string, ...pipelines: readonly string[]): void {
    for (const pipeline of pipelines) {
      const work = this.held.hold({ pipeline, taskQueue });
      this.running += 1;
      work.leave.addEventListener('abort', () => {
        this.#ending += 1;
        this.mostEnding = Math.max(this.mostEnding, this.#ending);
        setTimeout(() => {
          this.#ending -= 1;
          this.running -= 1;
          work[Symbol.dispose]();
        }, 5);
      });
    }
  }

  drain(parts: Partial<DrainParts> = {}, options: Partial<DrainOptions> = {}) {
    return drain(
      {
        queues: QUEUES.map((name) => ({ name, leave: () => void this.left.push(name) })),
        held: this.held,
        isServedByOthers: () => Promise.resolve(true),
        isTaken: ({ pipeline }) => {
          this.taken.push(pipeline);
          return Promise.resolve(true);
        },
        ...parts,
      },
      {
        force: false,
        signal: new AbortController().signal,
        onStep: (step) => void this.steps.push(step),
        ...options,
      },
    );
  }

  became(): readonly string[] {
    return this.steps
      .filter(({ became }) => became !== 'ending')
      .map(({ pipeline, became }) => `${pipeline} ${became}`);
  }
}

describe('a drain', () => {
  it('hands everything over, two at a time, each once its queue is left', async () => {
    const process = new Process();
    process.begin('stream', 'a', 'b', 'c', 'd', 'e');
    process.begin('sink', 'f');
    expect(await process.drain()).toEqual({ isEmpty: true });
    expect(process.left).toEqual(QUEUES);
    expect(process.became().toSorted()).toEqual(
      ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name} handedOver`),
    );
    expect([process.running, process.mostEnding]).toEqual([0, 2]);
  });

  it('leaves a queue alone that has work and is served by nobody else', async () => {
    const process = new Process();
    process.begin('stream', 'a');
    process.begin('sink', 'b');
    const isServedByOthers = (queue: string) => Promise.resolve(queue !== 'sink');
    expect(await process.drain({ isServedByOthers })).toEqual({ isEmpty: false });
    expect(process.left).toEqual(['stream']);
    expect(process.became()).toEqual(['a handedOver', 'b kept']);
    expect(process.steps.at(-1)?.reason).toBe('no other worker serves sink');
    expect(process.running).toBe(1);
  });

  it('leaves queues that stay without work, whoever serves them', async () => {
    const process = new Process();
    const isServedByOthers = (): Promise<boolean> => Promise.resolve(false);
    expect(await process.drain({ isServedByOthers }, { idleMs: 1 })).toEqual({ isEmpty: true });
    expect(process.left).toEqual(QUEUES);
  });

  it('keeps a stream that begins anew in the moment in which it is asked', async () => {
    const process = new Process();
    setTimeout(() => process.begin('stream', 'a'), 20);
    const isServedByOthers = (): Promise<boolean> => Promise.resolve(false);
    expect(await process.drain({ isServedByOthers })).toEqual({ isEmpty: false });
    expect([process.left, process.became()]).toEqual([[], ['a kept']]);
  });

  it('leaves no queue that nobody else serves while another one is kept', async () => {
    const process = new Process();
    process.begin('sink', 'b');
    const isServedByOthers = (): Promise<boolean> => Promise.resolve(false);
    expect(await process.drain({ isServedByOthers })).toEqual({ isEmpty: false });
    expect(process.left).toEqual([]);
  });

  it('by force ends what nobody serves, and does not ask who takes it', async () => {
    const process = new Process();
    process.begin('sink', 'b');
    const isServedByOthers = (): Promise<boolean> => Promise.resolve(false);
    expect(await process.drain({ isServedByOthers }, { force: true })).toEqual({ isEmpty: true });
    expect([process.became(), process.taken]).toEqual([['b ended'], []]);
  });

  it('keeps the rest once its own asker has gone while nobody took the first', async () => {
    const process = new Process();
    process.begin('stream', 'a', 'b', 'c', 'd');
    const gone = new AbortController();
    const isTaken = (): Promise<boolean> => {
      gone.abort();
      return Promise.resolve(false);
    };
    expect(await process.drain({ isTaken }, { signal: gone.signal })).toEqual({ isEmpty: false });
    expect(process.became().toSorted()).toEqual(['a waiting', 'b waiting', 'c kept', 'd kept']);
    expect(process.running).toBe(2);
  });

  it('hands over what a queue gave out last, while it was being left', async () => {
    const process = new Process();
    process.begin('stream', 'a');
    let isLate = true;
    const isTaken = (): Promise<boolean> => {
      if (isLate) process.begin('stream', 'late');
      isLate = false;
      return Promise.resolve(true);
    };
    expect(await process.drain({ isTaken })).toEqual({ isEmpty: true });
    expect(process.became()).toEqual(['a handedOver', 'late handedOver']);
  });

  it('changes nothing when the server does not say who serves what', async () => {
    const process = new Process();
    process.begin('stream', 'a');
    const isServedByOthers = (): Promise<boolean> => Promise.reject(new Error('no answer'));
    await expect(process.drain({ isServedByOthers })).rejects.toThrow('no answer');
    expect([process.left, process.running]).toEqual([[], 1]);
  });
});

it('work that begins when its process is to leave ends at once', () => {
  const held = new HeldWork();
  held.endAll();
  using late = held.hold({ pipeline: 'late', taskQueue: 'stream' });
  expect(late.leave.aborted).toBe(true);
});
