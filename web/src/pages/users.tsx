import type { UserDocument } from '../../../lib/registry-server/api-documents.ts';
import { api } from '../api.ts';
import { useLoad } from '../load.ts';
import { ConfirmButton } from '../parts/dialog.tsx';
import { FormButton, textOf } from '../parts/form-dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { Table } from '../parts/list.tsx';
import { Empty, WhenLoaded } from '../parts/notice.tsx';
import { announce } from '../parts/status.tsx';
import { Age, Badge, Heading } from '../parts/text.tsx';
import { useSession } from '../session.tsx';

const columns = [
  { name: 'Name' },
  { name: 'Groups', isWide: true },
  { name: 'Made', isWide: true },
  { name: 'Actions', isSilent: true },
];

/** People's accounts. */
export function Users() {
  const loaded = useLoad('users', api.users, ({ topic }) => topic === 'accounts');
  const { again } = loaded;
  return (
    <>
      <Heading title="Users">
        <AddUser again={again} />
      </Heading>
      <WhenLoaded loaded={loaded}>
        {(users) =>
          users.length === 0 ? (
            <Empty>No users yet: whoever is added may do what is granted to him.</Empty>
          ) : (
            <Table caption="Users" columns={columns}>
              {users.map((user) => (
                <Row key={user.name} user={user} again={again} />
              ))}
            </Table>
          )
        }
      </WhenLoaded>
    </>
  );
}

function Row({ user, again }: { readonly user: UserDocument; readonly again: () => void }) {
  const { name, groups, isAdmin, createdAt } = user;
  const { session } = useSession();
  return (
    <tr>
      <th scope="row">
        <span class="name">{name}</span>
        {isAdmin && <Badge tone="warn">administrator</Badge>}
      </th>
      <td class="wide">
        <div class="badges">
          {groups.map((group) => (
            <Badge key={group}>{group}</Badge>
          ))}
        </div>
      </td>
      <td class="wide">
        <Age time={createdAt} />
      </td>
      <td class="row-actions">
        <SetPassword name={name} />
        {name !== session.name && <RemoveUser name={name} again={again} />}
      </td>
    </tr>
  );
}

function AddUser({ again }: { readonly again: () => void }) {
  const act = async (fields: FormData) => {
    const name = textOf(fields, 'name');
    const groups = textOf(fields, 'groups')
      .split(/[\s,]+/)
      .filter(Boolean);
    const isAdmin = fields.get('admin') !== null;
    await api.putUser(name, { password: String(fields.get('password')), groups, isAdmin });
    announce(`User ${name} added`);
    again();
  };
  return (
    <FormButton label="Add user" act={act}>
      <label>
        Name
        <input name="name" required autocomplete="off" autocapitalize="none" spellcheck={false} />
      </label>
      <label>
        Password
        <input name="password" type="password" required autocomplete="new-password" />
      </label>
      <label>
        <span>
          Groups <small>separated by commas</small>
        </span>
        <input name="groups" autocomplete="off" autocapitalize="none" spellcheck={false} />
      </label>
      <label class="check">
        <input name="admin" type="checkbox" /> Administrator: may do everything
      </label>
    </FormButton>
  );
}

function SetPassword({ name }: { readonly name: string }) {
  const act = async (fields: FormData) => {
    await api.putUser(name, { password: String(fields.get('password')) });
    announce(`${name} has a new password`);
  };
  return (
    <FormButton label={`Set password of ${name}`} verb="Set password" icon="lock" class="quiet" act={act}>
      <p>Whoever is signed in as {name} is signed out.</p>
      <label>
        New password
        <input name="password" type="password" required autocomplete="new-password" />
      </label>
    </FormButton>
  );
}

function RemoveUser({ name, again }: { readonly name: string; readonly again: () => void }) {
  const act = async () => {
    await api.deleteUser(name);
    announce(`User ${name} removed`);
    again();
  };
  return (
    <ConfirmButton
      label={`Remove user ${name}`}
      title={`Remove ${name}?`}
      verb="Remove user"
      act={act}
      button={<Icon name="trash" />}
    >
      <p>What was granted to this user goes, too. What was pushed stays.</p>
    </ConfirmButton>
  );
}
