import { isOciError } from '../../errors.ts';
import { validationReport, type ValidateOptions } from '../../ops/validate.ts';
import { concurrencyOf } from '../copying/flags.ts';
import { images, imagesOrFiles } from '../completing/completions.ts';
import { any } from '../framework/arguments.ts';
import { type Command, defineCommand } from '../framework/command.ts';
import { bool, int, string } from '../framework/flag.ts';
import { UsageError } from '../framework/usage-error.ts';
import type { Globals } from '../globals.ts';
import { reportError, SilentFailure } from '../report-error.ts';
import type { Session } from '../session.ts';
import { step } from '../step.ts';
import { isAboutContent, type Outcome, outcomeOf, printJson, printVerdict } from '../validating/report.ts';
import { choose, openFileTargets, openTargets, type Target } from '../validating/targets.ts';

export const command: Command<Session, Globals> = defineCommand({
  usage: '[IMAGE|-]...',
  description:
    'Check images, indexes and other artifacts: manifests, configs and layers exist and are well-formed, layers are tar archives compressed as their media types say, without duplicate paths, and sizes, digests, diff IDs and platforms agree. Everything is read once, and all problems are told with their place. Of an index everything is checked, or with --platform its images for those; of an OCI layout everything it lists, and of a docker archive every image, unless one is named. - reads an archive from standard input. Print PASS, or FAIL with the problems, for each; what is unusual but allowed is a warning. The exit code is 1 when anything fails.',
  examples:
    'crane validate ghcr.io/org/app:v1 ghcr.io/org/app:v2\ncrane validate --fast --remote ghcr.io/org/app:v1\ncrane validate --tarball image.tar\ncrane validate oci:layout\ndocker save app | crane validate -\ncrane validate --json ghcr.io/org/app:v1 | jq .problems',
  arguments: any,
  complete: imagesOrFiles,
  flags: {
    remote: string({
      complete: images,
      description: 'Image to check, in a registry or in local content (oci:DIR and so on)',
    }),
    tarball: string({
      description: 'Docker or OCI archive to check, the directory of a layout, or - for standard input',
    }),
    fast: bool({ description: 'Do not read layers, only check that they exist with the stated size' }),
    json: bool({
      description: 'Print a JSON object on a line for each image: name, valid, problems, warnings and more',
    }),
    jobs: int({ shorthand: 'j', description: 'Number of layers to read at the same time; 0 means 3' }),
    'max-bytes': int({
      description:
        'Most bytes that a layer may have decompressed; 0 means 16 GiB, or 200 times its stored size when that is more',
    }),
  },
  async run({ args, flags, context: session }) {
    const { fast, json, tarball, remote, jobs, 'max-bytes': limit } = flags;
    if (limit < 0) throw new UsageError(`--max-bytes cannot be below zero, but is ${limit}`);
    const concurrency = concurrencyOf(jobs, session);
    const run = new Run(session, { fast, concurrency, limit: limit === 0 ? undefined : limit }, json);
    if (tarball !== '') await run.check(tarball, openFileTargets);
    if (remote !== '') await run.check(remote, openTargets);
    for (const name of args) await run.check(name, openTargets);
    if (!run.isAsked) session.log.warn('Nothing is checked: no image is named');
    if (run.failed) throw new SilentFailure();
  },
});

/** One call of the command: what fails does not keep others from being checked. */
class Run {
  isAsked = false;
  failed = false;
  readonly #session: Session;
  readonly #options: ValidateOptions;
  readonly #json: boolean;

  constructor(session: Session, options: ValidateOptions, json: boolean) {
    this.#session = session;
    this.#options = options;
    this.#json = json;
  }

  async check(text: string, open: (session: Session, text: string) => Promise<readonly Target[]>): Promise<void> {
    this.isAsked = true;
    try {
      const targets = await step(`failed to read image ${text}`, () => open(this.#session, text));
      for (const target of targets) await this.#validate(target);
    } catch (error) {
      if (!isOciError(error) || this.#session.signal.aborted) throw error;
      this.failed = true;
      if (this.#json) await printJson(this.#session, text, outcomeOf(error), this.#options.fast === true);
      await reportError(error, this.#session);
    }
  }

  async #validate(target: Target): Promise<void> {
    const outcome = await this.#outcomeOf(target);
    if (outcome.problems.length > 0) this.failed = true;
    if (this.#json) await printJson(this.#session, target.name, outcome, this.#options.fast === true);
    else await printVerdict(this.#session, target.name, outcome);
  }

  async #outcomeOf(target: Target): Promise<Outcome> {
    const session = this.#session;
    try {
      const { artifact, includeChild } = await choose(session, await target.open());
      const { signal, onProgress } = session;
      return await step(`validating ${target.name}`, () =>
        validationReport(artifact, { ...this.#options, includeChild, signal, onProgress }),
      );
    } catch (error) {
      if (!isAboutContent(error)) throw error;
      return outcomeOf(error);
    }
  }
}
