import { useState } from 'preact/hooks';
import type { RepositoryDocument, TagSummary } from '../../../lib/registry-server/api-documents.ts';
import { api } from '../api.ts';
import { count, formatSize } from '../format.ts';
import { useLoad } from '../load.ts';
import { Command } from '../parts/copy-button.tsx';
import { ConfirmButton } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { Pager, pageSize, Search, Table } from '../parts/list.tsx';
import { Empty, WhenLoaded } from '../parts/notice.tsx';
import { announce } from '../parts/status.tsx';
import { Age, Badge, DigestText, Heading } from '../parts/text.tsx';
import { Link } from '../router.tsx';

const columns = [
  { name: 'Tag' },
  { name: 'Size', isNumber: true },
  { name: 'Platforms' },
  { name: 'Set', isWide: true },
  { name: 'Digest', isWide: true },
  { name: 'Actions', isSilent: true },
];

/** One repository's tags. */
export function Repository({ name }: { readonly name: string }) {
  const [q, setText] = useState('');
  const [from, setFrom] = useState(0);
  const isMine = (change: { repository?: string; topic: string }) =>
    change.topic === 'repositories' && (change.repository === undefined || change.repository === name);
  const repository = useLoad(name, () => api.repository(name), isMine);
  const tags = useLoad(`${name} ${q} ${from}`, () => api.tags(name, { q, from, n: pageSize }), isMine);
  const search = (text: string) => {
    setText(text);
    setFrom(0);
  };
  const again = () => {
    repository.again();
    tags.again();
  };
  return (
    <>
      <Heading title={name} trail={<Trail />} />
      <WhenLoaded loaded={repository}>{(value) => <Facts repository={value} />}</WhenLoaded>
      <div class="toolbar">
        <Search label="Search tags" onText={search} />
        {tags.value && <span class="dim">{count(tags.value.total, 'tag')}</span>}
      </div>
      {repository.error === undefined && (
        <WhenLoaded loaded={tags}>
          {({ items, total }) =>
            total === 0 ? (
              <Empty>
                {q === '' ? 'No tags: what is here is named by digests only.' : `No tag has “${q}” in it.`}
              </Empty>
            ) : (
              <>
                <Table caption={`Tags of ${name}`} columns={columns}>
                  {items.map((one) => (
                    <Row key={one.tag} name={name} tag={one} may={repository.value?.may} again={again} />
                  ))}
                </Table>
                <Pager from={from} total={total} onFrom={setFrom} />
              </>
            )
          }
        </WhenLoaded>
      )}
    </>
  );
}

function Trail() {
  return (
    <nav class="trail" aria-label="Where we are">
      <Link to={{ page: 'repositories' }}>Repositories</Link>
    </nav>
  );
}

function Facts({ repository }: { readonly repository: RepositoryDocument }) {
  const { name, bytes, manifests, updatedAt, mirrorOf, may } = repository;
  return (
    <section aria-label="About this repository">
      <ul class="facts">
        <li>{formatSize(bytes)}</li>
        <li>{count(manifests, 'manifest')}</li>
        {updatedAt !== undefined && (
          <li>
            updated <Age time={updatedAt} />
          </li>
        )}
        {mirrorOf !== undefined && (
          <li>
            mirror of <code>{mirrorOf}</code>
          </li>
        )}
        {!may.push && mirrorOf === undefined && <li>you may not push</li>}
      </ul>
      <Command text={`docker pull ${location.host}/${name}`} what="pull command" />
    </section>
  );
}

interface RowProps {
  readonly name: string;
  readonly tag: TagSummary;
  readonly may: RepositoryDocument['may'] | undefined;
  readonly again: () => void;
}

function Row({ name, tag: summary, may, again }: RowProps) {
  const { tag, bytes, platforms, setAt, digest, isImmutable, referrers, kind } = summary;
  return (
    <tr>
      <th scope="row">
        <Link to={{ page: 'manifest', name, reference: tag }} class="name">
          {tag}
        </Link>
        {isImmutable && <Badge>immutable</Badge>}
        {referrers > 0 && <Badge tone="good">{count(referrers, 'referrer')}</Badge>}
      </th>
      <td class="number">{formatSize(bytes)}</td>
      <td>
        <div class="badges">
          {platforms.length === 0 && <Badge>{kind}</Badge>}
          {platforms.map((platform) => (
            <Badge key={platform}>{platform}</Badge>
          ))}
        </div>
      </td>
      <td class="wide">
        <Age time={setAt} />
      </td>
      <td class="wide">
        <DigestText digest={digest} what={`digest of ${tag}`} />
      </td>
      <td class="row-actions">
        {may?.delete && !isImmutable && <DeleteTag name={name} tag={tag} again={again} />}
      </td>
    </tr>
  );
}

function DeleteTag({
  name,
  tag,
  again,
}: {
  readonly name: string;
  readonly tag: string;
  readonly again: () => void;
}) {
  const act = async () => {
    await api.deleteManifest(name, tag);
    announce(`${name}:${tag} deleted`);
    again();
  };
  return (
    <ConfirmButton
      label={`Delete tag ${tag}`}
      title={`Delete ${tag}?`}
      verb="Delete tag"
      act={act}
      button={<Icon name="trash" />}
    >
      <p>
        Nobody will be able to pull <code>{`${name}:${tag}`}</code>. The image itself stays, by its digest and
        by other tags, until it is collected or deleted.
      </p>
    </ConfirmButton>
  );
}
