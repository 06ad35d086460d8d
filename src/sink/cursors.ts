import type { Sequence } from '../change/sequence.ts';
import { InvariantBroken, SluiceError } from '../errors/error.ts';
import type { Topic } from '../topic/topic-name.ts';
import type { PartitionOffset, RecordRun, TopicRecord } from './record-source.ts';

export type Range = PartitionOffset & { readonly until: number };

type Next = Pick<PartitionOffset, 'offset' | 'topicId'>;

/**
 * Where reading stands in every partition: the next offset, the topic it is in, and the newest
 * sequence before it. A topic not seen before starts at its beginning.
 */
export class Cursors {
  readonly #next = new Map<string, Next>();
  readonly #newest = new Map<string, Sequence>();

  constructor(offsets: readonly PartitionOffset[]) {
    for (const each of offsets) this.#next.set(idOf(each), each);
  }

  next(of: Pick<PartitionOffset, 'topic' | 'partition'>): Next {
    return this.#next.get(idOf(of)) ?? { offset: 0 };
  }

  /** Reads on from there, by sequences as of there. */
  returnTo(offset: PartitionOffset): void {
    this.#next.set(idOf(offset), offset);
    this.#newest.delete(idOf(offset));
  }

  /**
   * What is to be read of a partition; none when it has been.
   *
   * @param mark  the high watermark, and the topic it is of
   * @throws {SluiceError} `sink.offset-out-of-range` when the topic is not the one that was read from
   */
  range(mark: PartitionOffset, until: number): readonly Range[] {
    const { topic, partition, offset: end } = mark;
    const { offset, topicId = mark.topicId } = this.next(mark);
    const least = Math.max(offset, until);
    if (end < least || mark.topicId !== topicId) throw recreated(mark, least);
    if (topicId !== undefined) this.#next.set(idOf(mark), { offset, topicId });
    return until <= offset ? [] : [{ topic, partition, offset, until }];
  }

  /**
   * Counts the run as read, once all of its records are.
   *
   * @returns where it ends, and in which topic
   */
  pass({ topic, partition, nextOffset: offset }: RecordRun): PartitionOffset {
    const end = { ...this.next({ topic, partition }), topic, partition, offset };
    this.#next.set(idOf(end), end);
    return end;
  }

  /** @throws {SluiceError} `sink.out-of-order`: within a partition sequences increase strictly */
  inOrder(seq: Sequence, { offset }: TopicRecord, { topic, partition }: RecordRun): void {
    const id = idOf({ topic, partition });
    const newest = this.#newest.get(id);
    if (newest !== undefined && seq <= newest)
      throw new SluiceError(
        'sink.out-of-order',
        `Sequence ${seq} at offset ${offset} of ${topic} partition ${partition} comes after ${newest}.`,
        { facts: { topic, partition, offset, seq, newest } },
      );
    this.#newest.set(id, seq);
  }

  expectReached({ topic, partition, until }: Range): void {
    if (this.next({ topic, partition }).offset < until)
      throw new InvariantBroken(`${topic} partition ${partition} was not read up to ${until}`);
  }
}

const idOf = ({ topic, partition }: { readonly topic: Topic; readonly partition: number }) =>
  `${topic}/${partition}`;

function recreated({ topic, partition, offset: end }: PartitionOffset, next: number): SluiceError {
  const how =
    end < next
      ? `but the partition ends at ${end}`
      : 'but the topic is another one than the records before were read from';
  return new SluiceError(
    'sink.offset-out-of-range',
    `The next offset of ${topic} partition ${partition} is ${next}, ${how}: the topic was deleted and made anew.`,
    { facts: { topic, partition, offset: next, end } },
  );
}
