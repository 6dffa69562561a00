import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Witness } from './witness.ts';

describe('the witness', () => {
  it('notes the lines of all machines in one order, with the moment of each, and adds to what it knew before', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'witness-'));
    const file = join(dir, 'witness.log');
    const seconds = (): number => Number(process.hrtime.bigint()) / 1e9;
    // Moments are cut to milliseconds.
    const beganS = seconds() - 0.001;
    const lines = (): string[] => readFileSync(file, 'utf8').split('\n').slice(0, -1);
    const heard = async (count: number): Promise<void> => {
      for (let left = 500; lines().length < count; left -= 1) {
        if (left === 0) throw new Error(`only ${lines().join(' | ')}`);
        await delay(10);
      }
    };
    for (const round of [1, 2]) {
      const witness = new Witness(file);
      const sockets = ['pc-1', 'pc-2'].map((machine) => join(dir, machine));
      await witness.listen(sockets[0]!, 'pc-1');
      await witness.listen(sockets[1]!, 'pc-2');
      const [one, two] = sockets.map((socket) => net.connect(socket));
      one!.write('job 1 beat\r\njob 1');
      await heard(round * 3 - 2);
      two!.write(`\n${'x'.repeat(300)}\n`);
      await heard(round * 3 - 1);
      one!.write(' beat\n');
      await heard(round * 3);
      witness.close();
      for (const guest of [one!, two!]) guest.destroy();
    }
    const words = lines().map((line) => line.split(' '));
    const said = words.map(([, ...rest]) => rest.join(' '));
    const once = ['pc-1 job 1 beat', `pc-2 ${'x'.repeat(200)}`, 'pc-1 job 1 beat'];
    expect(said).toEqual([...once, ...once]);
    const moments = words.map(([moment]) => Number(moment));
    expect(moments).toEqual([...moments].sort((a, b) => a - b));
    expect(moments.every((moment) => moment >= beganS && moment <= seconds())).toBe(true);
    rmSync(dir, { recursive: true });
  });
});
