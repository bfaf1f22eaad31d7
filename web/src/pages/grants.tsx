import { api, type GrantDocument } from '../api.ts';
import { useLoad } from '../load.ts';
import { ConfirmButton } from '../parts/dialog.tsx';
import { FormButton, textOf } from '../parts/form-dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { Table } from '../parts/list.tsx';
import { Empty, WhenLoaded } from '../parts/notice.tsx';
import { announce } from '../parts/status.tsx';
import { Badge, Heading } from '../parts/text.tsx';

const columns = [{ name: 'To' }, { name: 'May' }, { name: 'In' }, { name: 'Actions', isSilent: true }];

/** Who may do what, where. */
export function Grants() {
  const loaded = useLoad('grants', api.grants, ({ topic }) => topic === 'accounts');
  return (
    <>
      <Heading title="Grants">
        <AddGrant again={loaded.again} />
      </Heading>
      <WhenLoaded loaded={loaded}>
        {(grants) =>
          grants.length === 0 ? (
            <Empty>
              Nothing is granted: administrators alone may do anything, but for what the command line says.
            </Empty>
          ) : (
            <Table caption="Grants" columns={columns}>
              {[...grants].sort(inOrder).map((grant) => (
                <Row key={`${grant.to} ${grant.scope}`} grant={grant} again={loaded.again} />
              ))}
            </Table>
          )
        }
      </WhenLoaded>
    </>
  );
}

function inOrder(a: GrantDocument, b: GrantDocument): number {
  return a.to.localeCompare(b.to) || a.scope.localeCompare(b.scope);
}

function Row({ grant, again }: { readonly grant: GrantDocument; readonly again: () => void }) {
  const { to, scope, role } = grant;
  return (
    <tr>
      <th scope="row">
        <span class="name">{granteeOf(to)}</span>
      </th>
      <td>
        <Badge tone={role === 'admin' || role === 'delete' ? 'warn' : 'plain'}>{role}</Badge>
      </td>
      <td>
        <code>{scope}</code>
      </td>
      <td class="row-actions">
        <RemoveGrant grant={grant} again={again} />
      </td>
    </tr>
  );
}

function granteeOf(to: string): string {
  if (to === 'users') return 'every user';
  return to === 'anonymous' ? 'everybody' : to.replace(':', ' ');
}

const roles = [
  ['pull', 'pull'],
  ['push', 'push: and pull'],
  ['delete', 'delete: and push'],
  ['admin', 'admin: and whatever else'],
] as const;

function AddGrant({ again }: { readonly again: () => void }) {
  const act = async (fields: FormData) => {
    const kind = textOf(fields, 'kind');
    const to = kind === 'users' || kind === 'anonymous' ? kind : `${kind}:${textOf(fields, 'name')}`;
    await api.putGrant({ to, scope: textOf(fields, 'scope'), role: textOf(fields, 'role') });
    announce('Granted');
    again();
  };
  return (
    <FormButton label="Add grant" act={act}>
      <label>
        To
        <select name="kind">
          <option value="user">user</option>
          <option value="group">group</option>
          <option value="robot">robot</option>
          <option value="users">every user</option>
          <option value="anonymous">everybody</option>
        </select>
      </label>
      <label>
        <span>
          Name <small>of the user, group or robot</small>
        </span>
        <input name="name" autocomplete="off" autocapitalize="none" spellcheck={false} />
      </label>
      <label>
        May
        <select name="role">
          {roles.map(([role, text]) => (
            <option key={role} value={role}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>
          In <small>* for all, team/* for a namespace, or one repository</small>
        </span>
        <input
          name="scope"
          required
          placeholder="team/*"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
        />
      </label>
    </FormButton>
  );
}

function RemoveGrant({ grant, again }: { readonly grant: GrantDocument; readonly again: () => void }) {
  const act = async () => {
    await api.deleteGrant(grant);
    announce('Grant removed');
    again();
  };
  const { to, scope, role } = grant;
  return (
    <ConfirmButton
      label={`Remove grant of ${scope} to ${granteeOf(to)}`}
      title="Remove this grant?"
      verb="Remove grant"
      act={act}
      button={<Icon name="trash" />}
    >
      <p>
        From now on <strong>{granteeOf(to)}</strong> may not {role} in <code>{scope}</code>, unless another
        grant says so.
      </p>
    </ConfirmButton>
  );
}
