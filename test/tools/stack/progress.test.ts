import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { showProgress } from '../../../tools/stack/progress.ts';

function recorder(terminal: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const screen = Object.assign(stream, { isTTY: terminal, columns: 60 });
  return { stream: screen as unknown as NodeJS.WriteStream, text: () => text };
}

describe('progress', () => {
  it('is one plain line a stage where there is no terminal', () => {
    const { stream, text } = recorder(false);
    const progress = showProgress(stream);
    progress.report('kafka', 'downloading', '1 %');
    progress.report('kafka', 'downloading', '2 %');
    progress.report('mysql', 'starting');
    progress.report('kafka', 'ready');
    progress.close();
    expect(text()).toBe('kafka     downloading\nmysql     starting\nkafka     ready\n');
  });

  it('is redrawn in place on a terminal, one line a server', () => {
    const { stream, text } = recorder(true);
    const progress = showProgress(stream);
    progress.report('kafka', 'downloading', 'x'.repeat(200));
    progress.report('mysql', 'starting');
    progress.report('kafka', 'ready');
    progress.close();
    const lastScreen = text().split('\u001b[2A').at(-1)?.replaceAll('\u001b[2K', '');
    expect(lastScreen).toBe('kafka       0 s  ready\nmysql       0 s  starting\n');
    for (const line of text().split('\n')) expect(line.length).toBeLessThan(70);
  });
});
