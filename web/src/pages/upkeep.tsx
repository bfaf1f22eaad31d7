import type {
  MirrorDocument,
  QuotaDocument,
  RunDocument,
  RunKind,
} from '../../../lib/registry-server/api-documents.ts';
import { api } from '../api.ts';
import { count, formatSize } from '../format.ts';
import { asApiError, useLoad } from '../load.ts';
import { Bar } from '../parts/bar.tsx';
import { Icon } from '../parts/icon.tsx';
import { Table } from '../parts/list.tsx';
import { WhenLoaded } from '../parts/notice.tsx';
import { Section } from '../parts/section.tsx';
import { announce } from '../parts/status.tsx';
import { Age, Badge, Heading } from '../parts/text.tsx';

/** What the registry does for itself, and how much room there is. */
export function Upkeep() {
  return (
    <>
      <Heading title="Upkeep" />
      <Runs />
      <Quotas />
      <Mirrors />
    </>
  );
}

const runColumns = [{ name: 'Run' }, { name: 'State' }, { name: 'Result' }, { name: 'Began', isWide: true }];

function Runs() {
  const loaded = useLoad('runs', api.runs, ({ topic }) => topic === 'runs');
  const begin = async (kind: RunKind) => {
    try {
      await api.beginRun(kind);
      announce(kind === 'collect' ? 'Collection begun' : 'Scrub begun');
    } catch (error) {
      announce(asApiError(error).message);
    }
    loaded.again();
  };
  const actions = (
    <div class="heading-actions">
      <button type="button" onClick={() => void begin('collect')}>
        <Icon name="trash" /> Collect garbage
      </button>
      <button type="button" onClick={() => void begin('scrub')}>
        <Icon name="seal" /> Scrub
      </button>
    </div>
  );
  return (
    <Section title="Collections and scrubs" actions={actions}>
      <WhenLoaded loaded={loaded}>
        {(runs) =>
          runs.length === 0 ? (
            <p class="dim">
              None yet. A collection removes what nothing refers to; a scrub reads everything against its
              digest.
            </p>
          ) : (
            <Table caption="Collections and scrubs" columns={runColumns}>
              {runs.map((run) => (
                <RunRow key={run.id} run={run} />
              ))}
            </Table>
          )
        }
      </WhenLoaded>
    </Section>
  );
}

function RunRow({ run }: { readonly run: RunDocument }) {
  const { kind, by, startedAt, problems } = run;
  return (
    <tr>
      <th scope="row">
        <strong>{kind === 'collect' ? 'Collection' : 'Scrub'}</strong>{' '}
        <span class="dim">{by === undefined ? 'scheduled' : `by ${by}`}</span>
      </th>
      <td>
        <RunState run={run} />
      </td>
      <td>
        {resultOf(run)}
        {problems.map(({ what, detail }) => (
          <p key={what} class="problem">
            <code>{what}</code>: {detail}
          </p>
        ))}
      </td>
      <td class="wide">
        <Age time={startedAt} />
      </td>
    </tr>
  );
}

function RunState({ run: { endedAt, error, problems } }: { readonly run: RunDocument }) {
  if (endedAt === undefined) return <Badge tone="warn">running</Badge>;
  if (error !== undefined) return <Badge tone="bad">failed</Badge>;
  return problems.length > 0 ? <Badge tone="bad">problems</Badge> : <Badge tone="good">done</Badge>;
}

function resultOf({ kind, counts, error, endedAt }: RunDocument): string {
  if (error !== undefined) return error;
  if (endedAt === undefined) return '';
  const { tags = 0, manifests = 0, blobs = 0, bytes = 0, uploads = 0, problems = 0 } = counts;
  if (kind === 'scrub')
    return `read ${count(blobs, 'blob')}, ${formatSize(bytes)}: ${count(problems, 'problem')}`;
  const removed = [
    [tags, 'tag'],
    [manifests, 'manifest'],
    [blobs, 'blob'],
    [uploads, 'upload'],
  ] as const;
  const told = removed.filter(([number]) => number > 0).map(([number, noun]) => count(number, noun));
  return told.length === 0 && bytes === 0
    ? 'nothing to remove'
    : `removed ${[...told, formatSize(bytes)].join(', ')}`;
}

function Quotas() {
  const loaded = useLoad('quotas', api.quotas, ({ topic }) => topic === 'repositories');
  return (
    <Section title="Quotas">
      <WhenLoaded loaded={loaded}>
        {(quotas) =>
          quotas.length === 0 ? (
            <p class="dim">
              None: the disk is the limit. The settings' <code>quotas</code> give some.
            </p>
          ) : (
            <ul class="cards">
              {quotas.map((quota) => (
                <Quota key={quota.scope} quota={quota} />
              ))}
            </ul>
          )
        }
      </WhenLoaded>
    </Section>
  );
}

function Quota({ quota: { scope, bytes, used } }: { readonly quota: QuotaDocument }) {
  const share = bytes === 0 ? 100 : Math.round((used / bytes) * 100);
  return (
    <li class="card">
      <div class="card-row">
        <code>{scope}</code>
        <span class={share >= 90 ? 'full' : 'dim'}>{share} %</span>
      </div>
      <Bar label={`Use of the quota of ${scope}`} value={used} largest={bytes} isFull={share >= 90} />
      <p class="dim">
        {formatSize(used)} of {formatSize(bytes)}
      </p>
    </li>
  );
}

function Mirrors() {
  const loaded = useLoad('mirrors', api.mirrors, ({ topic }) => topic === 'repositories');
  return (
    <Section title="Mirrors">
      <WhenLoaded loaded={loaded}>
        {(mirrors) =>
          mirrors.length === 0 ? (
            <p class="dim">
              This registry mirrors no other. The settings' <code>mirrors</code> make it do so.
            </p>
          ) : (
            <ul class="cards">
              {mirrors.map((mirror) => (
                <Mirror key={mirror.prefix} mirror={mirror} />
              ))}
            </ul>
          )
        }
      </WhenLoaded>
    </Section>
  );
}

function Mirror({ mirror }: { readonly mirror: MirrorDocument }) {
  const { prefix, upstream, repositories, blobs, bytes, maxBytes, downloads, failure, failedAt } = mirror;
  return (
    <li class="card">
      <div class="card-row">
        <strong>{upstream}</strong>
        <MirrorState mirror={mirror} />
      </div>
      <p class="dim">
        {prefix === '' ? (
          'by its own names'
        ) : (
          <>
            below <code>{prefix}/</code>
          </>
        )}
      </p>
      <p>
        {count(repositories, 'repository', 'repositories')}, {count(blobs, 'blob')}, {formatSize(bytes)}
        {maxBytes !== undefined && ` of ${formatSize(maxBytes)}`}
        {downloads > 0 && `, ${count(downloads, 'download')} under way`}
      </p>
      {failure !== undefined && (
        <p class="problem">
          <Age time={failedAt} />: {failure}
        </p>
      )}
    </li>
  );
}

function MirrorState({ mirror: { answeredAt, failedAt } }: { readonly mirror: MirrorDocument }) {
  if (answeredAt === undefined && failedAt === undefined) return <Badge>not asked yet</Badge>;
  return (answeredAt ?? '') >= (failedAt ?? '') ? (
    <Badge tone="good">answers</Badge>
  ) : (
    <Badge tone="bad">does not answer</Badge>
  );
}
