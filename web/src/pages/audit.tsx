import { useState } from 'preact/hooks';
import type { AuditDocument } from '../../../lib/registry-server/api-documents.ts';
import { api } from '../api.ts';
import { count } from '../format.ts';
import { useLoad } from '../load.ts';
import { Pager, pageSize, Search, Table } from '../parts/list.tsx';
import { Empty, WhenLoaded } from '../parts/notice.tsx';
import { Age, Badge, Heading } from '../parts/text.tsx';

const columns = [{ name: 'What' }, { name: 'Outcome' }, { name: 'When' }, { name: 'From', isWide: true }];

/** Who changed what, and who was refused. */
export function Audit() {
  const [q, setText] = useState('');
  const [from, setFrom] = useState(0);
  const page = { q, from, n: pageSize };
  const loaded = useLoad(
    `audit ${q} ${from}`,
    () => api.audit(page),
    ({ topic }) => topic === 'audit',
  );
  const search = (text: string) => {
    setText(text);
    setFrom(0);
  };
  return (
    <>
      <Heading title="Audit log" />
      <div class="toolbar">
        <Search label="Search the audit log" onText={search} />
        {loaded.value && <span class="dim">{count(loaded.value.total, 'entry', 'entries')}</span>}
      </div>
      <WhenLoaded loaded={loaded}>
        {({ items, total }) =>
          total === 0 ? (
            <Empty>{q === '' ? 'Nothing has been changed yet.' : `Nothing has “${q}” in it.`}</Empty>
          ) : (
            <>
              <Table caption="Audit log" columns={columns}>
                {items.map((entry) => (
                  <Row key={`${entry.time} ${entry.action} ${entry.target}`} entry={entry} />
                ))}
              </Table>
              <Pager from={from} total={total} onFrom={setFrom} />
            </>
          )
        }
      </WhenLoaded>
    </>
  );
}

function Row({ entry: { time, by, action, target, status, address } }: { readonly entry: AuditDocument }) {
  return (
    <tr>
      <th scope="row" class="what">
        <strong>{by === '' ? 'nobody' : by}</strong> {action}{' '}
        {action !== 'login' && <code>{short(target)}</code>}
      </th>
      <td>{status >= 400 ? <Badge tone="bad">refused</Badge> : <Badge tone="good">done</Badge>}</td>
      <td>
        <Age time={time} />
      </td>
      <td class="wide">
        <code>{address.replace(/^::ffff:/, '')}</code>
      </td>
    </tr>
  );
}

/** A digest's first digits tell enough here. */
function short(target: string): string {
  return target.replace(/((?:sha256|sha512):[0-9a-f]{12})[0-9a-f]+/g, '$1…');
}
