import { afterAll, beforeAll, expect, test } from 'vitest';
import { baseImage, type BaseImage, busybox } from '../support/base-image.ts';
import { type CommandResult, craneProgram, runCommand, startCommand, succeeded } from '../support/command.ts';
import { describeWith, type Requirement, requirement } from '../support/requirements.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temp-directory.ts';

const own: Requirement = { name: `Node ${process.version}`, available: true, path: process.execPath, reason: '' };

for (const runtime of [own, requirement('node-24'), requirement('bun')]) smokeTest(runtime);

function smokeTest(runtime: Requirement): void {
  describeWith([runtime, busybox], `The built command line on ${runtime.name}`, () => {
    let image: BaseImage;
    let work: TemporaryDirectory;
    let address: string;
    let stop: () => Promise<CommandResult>;

    beforeAll(async () => {
      image = await baseImage();
      work = await temporaryDirectory();
      const serve = [craneProgram, 'registry', 'serve', '--address', '127.0.0.1:0', '--disk', work.file('registry')];
      const running = startCommand(runtime.path, serve, { timeout: 600_000, home: work.path });
      address = /127\.0\.0\.1:\d+/u.exec(await running.firstLine())?.[0] ?? '';
      stop = () => running.stop();
      await output(['push', image.layout, `${address}/base:1`]);
    });
    afterAll(async () => {
      await stop?.();
      await work.remove();
    });

    test('reads', async () => {
      expect(await output(['digest', `${address}/base:1`])).toBe(`${image.manifestDigest}\n`);
      expect(await output(['manifest', `${address}/base:1`])).toBe(image.manifestBytes);
      expect(await output(['config', `${address}/base:1`])).toBe(image.configBytes);
      expect(await output(['ls', `${address}/base`])).toBe('1\n');
      expect(await output(['catalog', address])).toMatch(/^base$/mu);
      const blob = await runCrane(['blob', `${address}/base@${image.layers[0]?.digest}`]);
      expect(blob.stdoutBytes.byteLength).toBe(image.layers[0]?.size);
    });

    test('copies, tags and deletes', async () => {
      await output(['copy', `${address}/base:1`, `${address}/copy:1`]);
      await output(['tag', `${address}/copy:1`, '2']);
      expect(await output(['ls', `${address}/copy`])).toBe('1\n2\n');
      await output(['delete', `${address}/copy:2`]);
      expect(await output(['ls', `${address}/copy`])).toBe('1\n');
    });

    test('pulls, pushes and validates', async () => {
      for (const format of ['tarball', 'legacy', 'oci']) {
        const path = work.file(format);
        await output(['pull', '--format', format, `${address}/base:1`, path]);
        await output(['push', path, `${address}/pushed/${format}:1`]);
        expect(await output(['config', `${address}/pushed/${format}:1`])).toBe(image.configBytes);
        expect(await output(['validate', '--remote', `${address}/pushed/${format}:1`])).toMatch(/^PASS/u);
      }
    });

    test('fails with one clear line and exit code 1', async () => {
      const { code, stdout, stderr } = await runCrane(['digest', `${address}/base:missing`]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^Error: .*missing/mu);
    });

    test('the registry ends with exit code 0 when it is told to', async () => {
      const { code } = await stop();
      expect(code).toBe(0);
    });

    async function output(args: readonly string[]): Promise<string> {
      return succeeded(await runCrane(args)).stdout;
    }

    function runCrane(args: readonly string[]): Promise<CommandResult> {
      return runCommand(runtime.path, [craneProgram, ...args], { home: work.path });
    }
  });
}
