import { describe, expect, it } from 'vitest';
import { type Scene, sceneLines } from '../../demo/screen.ts';

const COLUMNS = 80;
const QUERY = 'bin/sluice query --config .sluice/demo/shop.yaml "SELECT count(*) FROM shop.orders"';

const SCENE: Scene = {
  workerPid: 4711,
  upMs: 1_000,
  written: 12,
  webUi: 'http://127.0.0.1:8233',
  commands: [
    [QUERY, 'ask the warehouse while it is written'],
    ['kill -9 4711', 'the worker'],
  ],
};

describe('the screen of the demo', () => {
  it('breaks a command that is too long so that it can be copied and run', () => {
    const lines = sceneLines(SCENE, COLUMNS);
    const at = lines.findIndex((line) => line.includes('sluice query'));
    expect(lines.slice(at, at + 3)).toEqual([
      '  bin/sluice query --config .sluice/demo/shop.yaml \\',
      '    "SELECT count(*) FROM shop.orders"',
      '      ask the warehouse while it is written',
    ]);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(COLUMNS);
  });

  it('breaks no text in quotes, of either kind', () => {
    const body = `'{"query":"SELECT 1 AS one FROM shop.orders"}'`;
    const lines = sceneLines(
      { ...SCENE, commands: [[`curl http://127.0.0.1:9050/queries -d ${body}`, 'ask']] },
      40,
    );
    expect(lines).toContain(`    ${body}`);
  });

  it('leaves every command in one line where there is room', () => {
    expect(sceneLines(SCENE)).toContain(`  ${QUERY}`);
    expect(sceneLines(SCENE, COLUMNS)).toContain('  kill -9 4711');
  });
});
