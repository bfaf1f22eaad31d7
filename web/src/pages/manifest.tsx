import type {
  ChildManifest,
  ManifestDetail,
  ReferrerDetail,
} from '../../../lib/registry-server/api-documents.ts';
import { api } from '../api.ts';
import { formatSize } from '../format.ts';
import { useLoad } from '../load.ts';
import { ConfirmButton } from '../parts/dialog.tsx';
import { Icon, type IconName } from '../parts/icon.tsx';
import { ImageConfig } from '../parts/image-config.tsx';
import { Layers } from '../parts/layers.tsx';
import { Table } from '../parts/list.tsx';
import { WhenLoaded } from '../parts/notice.tsx';
import { PullCommands } from '../parts/pull-commands.tsx';
import { Section } from '../parts/section.tsx';
import { announce } from '../parts/status.tsx';
import { Age, Badge, DigestText, Heading } from '../parts/text.tsx';
import { go, Link } from '../router.tsx';

interface Props {
  readonly name: string;
  /** A tag or a digest. */
  readonly reference: string;
}

/** An image, an index or an artifact. */
export function Manifest({ name, reference }: Props) {
  const loaded = useLoad(
    `${name} ${reference}`,
    () => api.manifest(name, reference),
    (change) => change.topic === 'repositories' && change.repository === name,
  );
  const title = reference.includes(':') ? reference.slice(0, 19) : reference;
  return (
    <>
      <Heading title={title} trail={<Trail name={name} />}>
        {loaded.value?.may.delete && <Delete name={name} reference={reference} />}
      </Heading>
      <WhenLoaded loaded={loaded}>
        {(detail) => <Detail key={detail.digest} detail={detail} reference={reference} />}
      </WhenLoaded>
    </>
  );
}

function Trail({ name }: { readonly name: string }) {
  return (
    <nav class="trail" aria-label="Where we are">
      <Link to={{ page: 'repositories' }}>Repositories</Link>
      <Link to={{ page: 'repository', name }}>{name}</Link>
    </nav>
  );
}

function Detail({ detail, reference }: { readonly detail: ManifestDetail; readonly reference: string }) {
  const { repository: name, image, manifests, referrers, blobs, annotations } = detail;
  return (
    <>
      <Facts detail={detail} reference={reference} />
      <PullCommands name={name} reference={reference} kind={detail.kind} />
      {manifests.length > 0 && <Platforms name={name} manifests={manifests} />}
      {image && <Layers layers={image.layers} />}
      {blobs.length > 0 && <Blobs blobs={blobs} />}
      <Referrers name={name} referrers={referrers} />
      {image && <ImageConfig image={image} />}
      <Annotations annotations={annotations} />
    </>
  );
}

function Facts({ detail, reference }: { readonly detail: ManifestDetail; readonly reference: string }) {
  const { kind, bytes, digest, image, tags, artifactType, subject, repository: name } = detail;
  const others = tags.filter((tag) => tag !== reference);
  return (
    <ul class="facts">
      <li>
        <Badge tone={kind === 'image' || kind === 'index' ? 'plain' : 'good'}>{kind}</Badge>
      </li>
      <li>{formatSize(bytes)}</li>
      {image && <li>{image.platform}</li>}
      {image?.created && (
        <li>
          made <Age time={image.created} />
        </li>
      )}
      {kind !== 'image' && artifactType !== undefined && <li>{artifactType}</li>}
      <li>
        <DigestText digest={digest} />
      </li>
      {others.length > 0 && (
        <li>
          also{' '}
          {others.slice(0, 10).map((tag) => (
            <Link key={tag} to={{ page: 'manifest', name, reference: tag }} class="inline-tag">
              {tag}
            </Link>
          ))}
        </li>
      )}
      {subject !== undefined && (
        <li>
          about <Link to={{ page: 'manifest', name, reference: subject }}>{subject.slice(0, 19)}</Link>
        </li>
      )}
    </ul>
  );
}

const platformColumns = [
  { name: 'Platform' },
  { name: 'Size', isNumber: true },
  { name: 'Digest', isWide: true },
];

function Platforms({
  name,
  manifests,
}: {
  readonly name: string;
  readonly manifests: readonly ChildManifest[];
}) {
  return (
    <Section title="Platforms">
      <Table caption="Platforms" columns={platformColumns}>
        {manifests.map(({ digest, platform, kind, bytes }) => (
          <tr key={digest}>
            <th scope="row">
              {bytes === undefined ? (
                <span>{platform ?? kind}</span>
              ) : (
                <Link to={{ page: 'manifest', name, reference: digest }} class="name">
                  {platform ?? kind}
                </Link>
              )}
              {platform !== undefined && kind !== 'image' && <Badge>{kind}</Badge>}
            </th>
            <td class="number">{bytes === undefined ? 'not here' : formatSize(bytes)}</td>
            <td class="wide">
              <DigestText digest={digest} what={`digest of ${platform ?? kind}`} />
            </td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}

const blobColumns = [{ name: 'Content' }, { name: 'Size', isNumber: true }, { name: 'Digest', isWide: true }];

function Blobs({ blobs }: Pick<ManifestDetail, 'blobs'>) {
  return (
    <Section title="Content">
      <Table caption="Content" columns={blobColumns}>
        {blobs.map(({ digest, mediaType, size, title }) => (
          <tr key={digest}>
            <th scope="row">{title ?? mediaType}</th>
            <td class="number">{formatSize(size)}</td>
            <td class="wide">
              <DigestText digest={digest} />
            </td>
          </tr>
        ))}
      </Table>
    </Section>
  );
}

const kinds: Readonly<Record<string, readonly [IconName, string]>> = {
  signature: ['seal', 'Signature'],
  sbom: ['list', 'Bill of materials (SBOM)'],
  attestation: ['check', 'Attestation'],
};

const referrerColumns = [
  { name: 'Kind' },
  { name: 'Type', isWide: true },
  { name: 'Size', isNumber: true },
  { name: 'Digest', isWide: true },
];

function Referrers({
  name,
  referrers,
}: {
  readonly name: string;
  readonly referrers: readonly ReferrerDetail[];
}) {
  if (referrers.length === 0)
    return (
      <Section title="Signatures and SBOMs">
        <p class="dim">Nothing refers to this: no signature, no SBOM.</p>
      </Section>
    );
  return (
    <Section title="Signatures and SBOMs">
      <Table caption="What refers to this" columns={referrerColumns}>
        {referrers.map(({ digest, kind, artifactType, tag, size }) => {
          const [icon, title] = kinds[kind] ?? ['box', 'Artifact'];
          return (
            <tr key={`${digest} ${tag ?? ''}`}>
              <th scope="row">
                <span class="with-icon">
                  <Icon name={icon} />
                  <Link to={{ page: 'manifest', name, reference: digest }} class="name">
                    {title}
                  </Link>
                </span>
              </th>
              <td class="wide">
                <code class="type">{artifactType ?? tag ?? ''}</code>
              </td>
              <td class="number">{formatSize(size)}</td>
              <td class="wide">
                <DigestText digest={digest} what={`digest of the ${kind}`} />
              </td>
            </tr>
          );
        })}
      </Table>
    </Section>
  );
}

function Annotations({ annotations }: Pick<ManifestDetail, 'annotations'>) {
  const pairs = Object.entries(annotations);
  if (pairs.length === 0) return null;
  return (
    <Section title="Annotations">
      <dl class="card pairs">
        {pairs.map(([key, value]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

function Delete({ name, reference }: Props) {
  const isDigest = reference.includes(':');
  const act = async () => {
    await api.deleteManifest(name, reference);
    announce(`${name}${isDigest ? '@' : ':'}${reference.slice(0, 30)} deleted`);
    go({ page: 'repository', name });
  };
  const what = isDigest ? 'manifest' : 'tag';
  return (
    <ConfirmButton
      class="danger-outline"
      label={`Delete ${what}`}
      title={`Delete this ${what}?`}
      verb={`Delete ${what}`}
      act={act}
      button={
        <>
          <Icon name="trash" /> Delete
        </>
      }
    >
      <p>
        {isDigest
          ? 'All tags that stand for it go with it, and nobody will be able to pull it.'
          : 'The image itself stays, by its digest and by other tags, until it is collected or deleted.'}
      </p>
    </ConfirmButton>
  );
}
