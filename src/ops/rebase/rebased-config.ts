import { OciError } from '../../errors.ts';
import type { Digest } from '../../oci/digest.ts';
import type { ConfigDocument } from '../../oci/document/config-document.ts';
import type { OpenImage } from './image-reader.ts';
import { rebasedHistory } from './rebased-history.ts';

/**
 * The config of an image on a new base. The platform is that of the new base's files; everything else is the image's own: its
 * settings, author, time, and what nobody knows.
 *
 * @throws {OciError} `INVALID_CONFIG` when diff IDs do not fit the layers
 */
export function rebasedConfig(image: OpenImage, oldBase: OpenImage, newBase: OpenImage): ConfigDocument {
  const { document } = image.config;
  const own = diffIdsOf(image, 'image').slice(oldBase.layers.length);
  const history = rebasedHistory(historyOf(image), historyOf(oldBase), historyOf(newBase));
  return {
    ...document,
    ...platformOn(document, oldBase.config.document, newBase.config.document),
    rootfs: { ...document.rootfs, diff_ids: [...diffIdsOf(newBase, 'new base'), ...own] },
    history,
  };
}

/**
 * Where the new base says nothing the image's own values stay, unless they came from the old base. The variant stays with
 * the architecture: files of the image may need it.
 */
function platformOn(image: ConfigDocument, oldBase: ConfigDocument, newBase: ConfigDocument): ConfigDocument {
  const architecture = newBase.architecture === '' ? undefined : newBase.architecture;
  const isSame = architecture === undefined || architecture === image.architecture;
  return {
    os: newBase.os === '' || newBase.os === undefined ? image.os : newBase.os,
    architecture: architecture ?? image.architecture,
    variant: newBase.variant ?? (isSame ? image.variant : undefined),
    'os.version': newBase['os.version'] ?? (oldBase['os.version'] === undefined ? image['os.version'] : undefined),
    'os.features': newBase['os.features'] ?? (oldBase['os.features'] === undefined ? image['os.features'] : undefined),
  };
}

export function historyOf({ config, layers }: OpenImage): Parameters<typeof rebasedHistory>[0] {
  return { history: config.document.history ?? [], layers: layers.length };
}

function diffIdsOf({ artifact, config, layers }: OpenImage, what: string): readonly Digest[] {
  const diffIds = config.document.rootfs?.diff_ids ?? [];
  if (diffIds.length === layers.length) return diffIds;
  throw new OciError(
    'INVALID_CONFIG',
    `The ${what} ${artifact.root.digest} has ${diffIds.length} diff IDs for ${layers.length} layers`,
    { hint: 'It was built or edited wrongly, and programs would not unpack it; crane validate shows more' },
  );
}
