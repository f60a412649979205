import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../../src/content/hash.ts';
import { type BrokenImage, brokenImage, mutations, type Pick } from '../support/broken-image.ts';
import { runCommand } from '../support/command.ts';
import { contentScript } from '../support/content-script.ts';
import { craneInProcess, type InProcessResult } from '../support/in-process.ts';
import { nativeCrane } from '../support/native-crane.ts';
import { describeWith } from '../support/requirements.ts';
import { scriptedServer, type ScriptedServer } from '../support/scripted-server.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

// Valid images with one or several things wrong, as crane and we judge them: what it finds we have to find.

const theirs = nativeCrane();

/** Crane fails, because it cannot tell (flaws 14 and 17), or without a word of why (an empty "FAIL: X: "). */
const notWrong = new Set(['a plain layer of a plain type']);

/** What crane does not look at, in indexes at least: the verdict on those is ours alone. */
const onlyOurs = new Set([
  'a longer layer',
  'gzip of a plain type',
  'a diff ID more',
  'a layer less',
  'the wrong type in the index',
  'the wrong size in the index',
  'a manifest with another type',
]);

let work: TemporaryDirectory;
let served: ReturnType<typeof contentScript> = () => undefined;
let server: ScriptedServer;

beforeAll(async () => {
  work = await temporaryDirectory();
  server = await scriptedServer((request) => served(request));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await work.remove();
});

interface Verdicts {
  readonly theirs: { readonly code: number | null; readonly stdout: string };
  readonly ours: InProcessResult;
}

async function verdictsOn({ samples, image, index }: BrokenImage, tag: 'image' | 'index'): Promise<Verdicts> {
  served = contentScript(samples, { image: samples.at(-1) ?? image, index });
  const args = ['validate', '--remote', `${server.registry}/app:${tag}`];
  return {
    theirs: await runCommand(theirs.path, args, { home: work.path }),
    ours: await craneInProcess(args, { home: work.path }),
  };
}

describeWith([theirs], 'What is wrong with images, in the eyes of crane and in ours', () => {
  test('nothing with a valid one', async () => {
    for (const tag of ['image', 'index'] as const) {
      const verdicts = await verdictsOn(brokenImage(random(0), []), tag);
      expect(verdicts.theirs.stdout).toBe(verdicts.ours.stdout);
      expect(verdicts.ours.stdout).toMatch(/^PASS: /);
    }
  });

  test.each(Object.keys(mutations))('one thing: %s', async (name) => {
    for (const tag of ['image', 'index'] as const) {
      for (let round = 0; round < 2; round++) {
        const verdicts = await verdictsOn(brokenImage(random(round), [name]), tag);
        const both = `${tag}: ${verdicts.theirs.code}\n${verdicts.theirs.stdout}\n${verdicts.ours.stdout}${verdicts.ours.stderr}`;
        if (notWrong.has(name)) expect(verdicts.ours.code, both).toBe(0);
        else if (onlyOurs.has(name) && verdicts.theirs.code === 0)
          expect(verdicts.ours.code, both).toBe(tag === 'index' ? 1 : verdicts.ours.code);
        else expect(verdicts.ours.code, both).toBe(verdicts.theirs.code === 0 ? 0 : 1);
        expect(verdicts.ours.stderr).not.toContain('internal error');
      }
    }
  });

  test('several things: whatever crane finds is found', async () => {
    const names = Object.keys(mutations).filter((name) => !notWrong.has(name));
    for (let round = 0; round < 60; round++) {
      const pick = random(1000 + round);
      const chosen = [names[pick(names.length)], names[pick(names.length)]] as string[];
      const verdicts = await verdictsOn(brokenImage(pick, chosen), 'index');
      const both = `${chosen.join(' and ')}\n${verdicts.theirs.stdout}\n${verdicts.ours.stdout}${verdicts.ours.stderr}`;
      if (verdicts.theirs.code !== 0) expect(verdicts.ours.code, both).toBe(1);
      expect(verdicts.ours.stderr).not.toContain('internal error');
      const lines = verdicts.ours.stdout.split('\n').slice(1, -1);
      expect(new Set(lines).size, both).toBe(lines.length);
    }
  });
});

/** Numbers that follow from a seed. */
function random(seed: number): Pick {
  let state = digestOf(Buffer.from(`${seed}`)).slice(7);
  return (below) => {
    state = digestOf(Buffer.from(state)).slice(7);
    return Number.parseInt(state.slice(0, 8), 16) % below;
  };
}
