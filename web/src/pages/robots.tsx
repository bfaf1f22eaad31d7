import { useState } from 'preact/hooks';
import type { RobotDocument } from '../../../lib/registry-server/api-documents.ts';
import { api } from '../api.ts';
import { useLoad } from '../load.ts';
import { Command } from '../parts/copy-button.tsx';
import { ConfirmButton } from '../parts/dialog.tsx';
import { FormButton, textOf } from '../parts/form-dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { Table } from '../parts/list.tsx';
import { Empty, WhenLoaded } from '../parts/notice.tsx';
import { announce } from '../parts/status.tsx';
import { Age, Badge, Heading } from '../parts/text.tsx';

const columns = [
  { name: 'Name' },
  { name: 'Expires' },
  { name: 'Made', isWide: true },
  { name: 'Actions', isSilent: true },
];

interface Made {
  readonly name: string;
  readonly secret: string;
}

/** Programs' accounts. */
export function Robots() {
  const loaded = useLoad('robots', api.robots, ({ topic }) => topic === 'accounts');
  const [made, setMade] = useState<Made>();
  return (
    <>
      <Heading title="Robots">
        <AddRobot
          done={(robot) => {
            setMade(robot);
            loaded.again();
          }}
        />
      </Heading>
      {made && <Secret made={made} close={() => setMade(undefined)} />}
      <WhenLoaded loaded={loaded}>
        {(robots) =>
          robots.length === 0 ? (
            <Empty>
              No robots yet. They are accounts for programs: a name, and a secret that may expire.
            </Empty>
          ) : (
            <Table caption="Robots" columns={columns}>
              {robots.map((robot) => (
                <Row key={robot.name} robot={robot} again={loaded.again} />
              ))}
            </Table>
          )
        }
      </WhenLoaded>
    </>
  );
}

function Secret({ made: { name, secret }, close }: { readonly made: Made; readonly close: () => void }) {
  return (
    <section class="card secret" aria-label="The new robot's secret">
      <p>
        <strong>{name}</strong> has this secret. It is shown this once:
      </p>
      <Command text={secret} what="secret" />
      <Command text={`docker login ${location.host} -u '${name}' --password-stdin`} what="login command" />
      <div class="actions">
        <button type="button" onClick={close}>
          Done
        </button>
      </div>
    </section>
  );
}

function Row({ robot, again }: { readonly robot: RobotDocument; readonly again: () => void }) {
  const { name, createdAt, expiresAt } = robot;
  const isOver = expiresAt !== undefined && Date.parse(expiresAt) <= Date.now();
  return (
    <tr>
      <th scope="row">
        <span class="name">robot${name}</span>
      </th>
      <td>
        {expiresAt === undefined ? (
          'never'
        ) : isOver ? (
          <Badge tone="bad">expired</Badge>
        ) : (
          <Age time={expiresAt} />
        )}
      </td>
      <td class="wide">
        <Age time={createdAt} />
      </td>
      <td class="row-actions">
        <RemoveRobot name={name} again={again} />
      </td>
    </tr>
  );
}

const lives = [
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', 'a year'],
  ['', 'never'],
] as const;

function AddRobot({ done }: { readonly done: (made: Made) => void }) {
  const act = async (fields: FormData) => {
    const days = Number(fields.get('days'));
    const expiresAt = new Date(Date.now() + days * 86_400_000).toISOString();
    done(await api.putRobot(textOf(fields, 'name'), days > 0 ? { expiresAt } : {}));
  };
  return (
    <FormButton label="Add robot" act={act}>
      <label>
        <span>
          Name <small>one that there is gets a new secret</small>
        </span>
        <input name="name" required autocomplete="off" autocapitalize="none" spellcheck={false} />
      </label>
      <label>
        Expires
        <select name="days">
          {lives.map(([days, text]) => (
            <option key={days} value={days}>
              {days === '' ? text : `in ${text}`}
            </option>
          ))}
        </select>
      </label>
    </FormButton>
  );
}

function RemoveRobot({ name, again }: { readonly name: string; readonly again: () => void }) {
  const act = async () => {
    await api.deleteRobot(name);
    announce(`Robot ${name} removed`);
    again();
  };
  return (
    <ConfirmButton
      label={`Remove robot ${name}`}
      title={`Remove robot$${name}?`}
      verb="Remove robot"
      act={act}
      button={<Icon name="trash" />}
    >
      <p>Programs that log in by it are refused from now on.</p>
    </ConfirmButton>
  );
}
