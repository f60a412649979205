import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readableStep } from './readable-step.ts';

const hash = '4f2a'.repeat(16);

describe('a step of a history', () => {
  it.each([
    // Docker's builder before BuildKit.
    ['/bin/sh -c #(nop)  CMD ["/bin/sh"]', 'CMD ["/bin/sh"]'],
    ['/bin/sh -c #(nop) ENTRYPOINT ["/app" "serve"]', 'ENTRYPOINT ["/app" "serve"]'],
    [`/bin/sh -c #(nop) ADD file:${hash} in / `, 'ADD file:4f2a4f2a4f2a /'],
    [`/bin/sh -c #(nop) COPY dir:${hash} in /app`, 'COPY dir:4f2a4f2a4f2a /app'],
    [`/bin/sh -c #(nop) COPY --chown=1:1 multi:${hash} in /app/ `, 'COPY --chown=1:1 multi:4f2a4f2a4f2a /app/'],
    ['/bin/sh -c #(nop) ADD file:short in /', 'ADD file:short in /'],
    ['/bin/sh -c #(nop)  EXPOSE 443/tcp 80/tcp', 'EXPOSE 443/tcp 80/tcp'],
    ['/bin/sh -c #(nop)  LABEL a=b', 'LABEL a=b'],
    ['/bin/sh -c apt-get update \t&& apt-get install -y curl', 'RUN apt-get update && apt-get install -y curl'],
    ['/bin/sh -c set -eux;\n\tapk add \\\n\t\tcurl', 'RUN set -eux; apk add \\ curl'],
    ['|1 VERSION=1.2 /bin/sh -c make', 'RUN make'],
    ['|2 NAME=a name with spaces OTHER= /bin/sh -c make all', 'RUN make all'],
    ['|0 /bin/sh -c make', 'RUN make'],
    ['|1 A=b /bin/sh -c #(nop) USER 1000', 'USER 1000'],
    ['|2 A=1 B=2 make it', 'RUN make it'],
    ['/bin/bash -o pipefail -c curl x | sh', 'RUN curl x | sh'],
    ['/bin/bash -euxo pipefail -c true', 'RUN true'],
    ['/bin/ash -eo pipefail -c true', 'RUN true'],
    ['/usr/bin/bash -lc true', 'RUN true'],
    ['/bin/bash -o pipefail -c #(nop)  CMD ["a"]', 'CMD ["a"]'],
    // Windows.
    ['cmd /S /C #(nop) WORKDIR C:\\app', 'WORKDIR C:\\app'],
    ['cmd /S /C dir', 'RUN dir'],
    ['cmd.exe /s /c dir', 'RUN dir'],
    ["powershell -Command $ErrorActionPreference = 'Stop'; #(nop)  ENV A=b", 'ENV A=b'],
    [
      "powershell -Command $ErrorActionPreference = 'Stop'; dir",
      "powershell -Command $ErrorActionPreference = 'Stop'; dir",
    ],
    ['Apply image 10.0.20348.2461', 'Apply image 10.0.20348.2461'],
    // BuildKit.
    ['RUN /bin/sh -c apk add curl # buildkit', 'RUN apk add curl'],
    ['RUN |1 VERSION=1 /bin/sh -c make # buildkit', 'RUN make'],
    ['RUN |2 A=1 B=x /bin/sh -c y z /bin/bash -c make # buildkit', 'RUN y z /bin/bash -c make'],
    [
      'RUN --mount=type=cache,target=/x --network=none /bin/sh -c make # buildkit',
      'RUN --mount=type=cache,target=/x --network=none make',
    ],
    ['RUN /bin/sh -c <<EOF (apk add curl...) # buildkit', 'RUN <<EOF (apk add curl...)'],
    ['RUN /app/setup --all # buildkit', 'RUN /app/setup --all'],
    ['RUN cmd /S /C dir # buildkit', 'RUN dir'],
    ['COPY /src /app # buildkit', 'COPY /src /app'],
    ['WORKDIR /app', 'WORKDIR /app'],
    ['ENV PATH=/usr/bin:/bin', 'ENV PATH=/usr/bin:/bin'],
    ['EXPOSE [443/tcp 80/tcp]', 'EXPOSE 443/tcp 80/tcp'],
    ['EXPOSE map[443/tcp:{} 80/tcp:{}]', 'EXPOSE 443/tcp 80/tcp'],
    ['EXPOSE map[]', 'EXPOSE map[]'],
    [
      `HEALTHCHECK &{["CMD-SHELL" "curl -f \\"x\\" || exit 1"] "30s" "5s" "0s" "0s" '\\x03'}`,
      'HEALTHCHECK --interval=30s --timeout=5s --retries=3 CMD curl -f "x" || exit 1',
    ],
    [
      `HEALTHCHECK &{["CMD" "/check" "-q"] "0s" "0s" "1m0s" '\\n'}`,
      'HEALTHCHECK --start-period=1m0s --retries=10 CMD ["/check","-q"]',
    ],
    [`/bin/sh -c #(nop)  HEALTHCHECK &{["NONE"] "0s" "0s" "0s" '\\x00'}`, 'HEALTHCHECK NONE'],
    [
      `HEALTHCHECK &{["CMD"] "1s" "2s" "3s" "4s" '%'}`,
      'HEALTHCHECK --interval=1s --timeout=2s --start-period=3s --start-interval=4s --retries=37 CMD []',
    ],
    ['HEALTHCHECK &{["CMD" broken] "0s"}', 'HEALTHCHECK &{["CMD" broken] "0s"}'],
    // Other builders, and what only looks like something else.
    ['bazel build //app:image', 'bazel build //app:image'],
    ["# debian.sh --arch 'amd64' out/ 'bookworm' '@1720'", "# debian.sh --arch 'amd64' out/ 'bookworm' '@1720'"],
    ['jib-gradle-plugin:3.4.0', 'jib-gradle-plugin:3.4.0'],
    ['crane append app.tar', 'crane append app.tar'],
    ['/bin/sh', '/bin/sh'],
    ['/bin/sh -c', '/bin/sh -c'],
    ['/bin/sh -c #(nop) ', '/bin/sh -c #(nop)'],
    ['RUN', 'RUN'],
    ['RUN /bin/sh -c # buildkit', 'RUN /bin/sh -c'],
    ['# buildkit', '# buildkit'],
    ['RUNNING late', 'RUNNING late'],
    ['/bin/sh -c echo "#(nop) CMD"', 'RUN echo "#(nop) CMD"'],
    ['|1', '|1'],
    ['|x y', '|x y'],
    ['   ', ''],
    ['', ''],
  ])('%j reads %j', (createdBy, expected) => {
    expect(readableStep(createdBy)).toBe(expected);
  });

  const fragments = fc.constantFrom(
    '/bin/sh -c ',
    '#(nop) ',
    '|1 ',
    '|9999 ',
    'A=b ',
    'RUN ',
    'COPY ',
    'HEALTHCHECK ',
    '&{[',
    '"CMD"',
    "'\\x03'}",
    '] ',
    'EXPOSE ',
    'map[',
    ':{}',
    ' # buildkit',
    '\n',
    '\u2028',
    '\u0085',
    '\t',
    ' in ',
    `file:${hash}`,
    'cmd /S /C ',
    'powershell ',
    '\u001b[31m',
    '$1',
    '$&',
    '\ud800',
  );
  const texts = fc
    .array(fc.oneof(fragments, fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 12 })
    .map((parts) => parts.join(''));

  it('is one line, never fails, and is empty only for white space', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const step = readableStep(text);
        expect(step).not.toMatch(/[\r\n\t\v\f\u0085\u2028\u2029]/);
        expect(step === '').toBe(/^[\s\u0085]*$/.test(text));
        expect(step).toBe(step.trim());
      }),
      { numRuns: 500 },
    );
  });

  it('takes no longer for hostile texts than their length asks', () => {
    for (const part of [
      '/bin/sh -a',
      '] "',
      String.raw`\"`,
      '|1 a ',
      ' pipefail',
      'cmd /a',
      '#(nop)',
      'EXPOSE map[',
      '/bin/sh -c ',
      'RUN --a',
    ]) {
      for (const start of ['', 'RUN ', '|1 ', 'HEALTHCHECK &{["CMD"', '/bin/sh -c #(nop) ']) {
        expect(readableStep(start + part.repeat(30_000)).length).toBeGreaterThan(0);
      }
    }
    const endless = String.raw`HEALTHCHECK &{["${String.raw`\"`.repeat(2_000_000)}] "0s" "0s" "0s" '\x00'}`;
    expect(readableStep(endless)).toBe(endless);
  });
});
