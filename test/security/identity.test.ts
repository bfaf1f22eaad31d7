import test from 'ava';
import { isEngineError } from '../../lib/engine/index.ts';
import { type AttackGround, openAttackGround } from '../fixtures/attack.ts';
import { watchLeaks } from '../fixtures/leaks.ts';

/** CVE-2024-40635, CVE-2022-36109, CVE-2023-25173, CVE-2022-29162: who a container's process is. */
let ground: AttackGround;
let busybox: string;

test.before(async () => {
  ground = await openAttackGround();
  busybox = await ground.serveAboveBusybox({ layers: [] });
});

test.after.always(async () => {
  await ground?.[Symbol.asyncDispose]();
});

for (const user of [
  '4294967296',
  '4294967295',
  '-1',
  '18446744073709551616',
  '0x0',
  '1000:4294967296',
  ' 0',
  '2147483648:-1',
]) {
  test.serial(`the user "${user}" is refused and never becomes root`, async (t) => {
    await using _ = await watchLeaks(t, ground.engine);
    const byOption = await outcomeOf(() => ground.engine.run(busybox, ['id', '-u'], { user }));
    t.regex(byOption, /^ERR_(USER|GROUP)_NOT_FOUND$|^ERR_CONTAINER_OPTION_INVALID$/);
    const reference = await ground.serveAboveBusybox({ layers: [], process: { User: user } });
    const byImage = await outcomeOf(() => ground.engine.run(reference, ['id', '-u']));
    t.regex(byImage, /^ERR_[A-Z_]+$/);
  });
}

test.serial('the largest user id that exists is taken as it is', async (t) => {
  await using _ = await watchLeaks(t, ground.engine);
  const result = await ground.engine.run(busybox, ['sh', '-c', 'grep -E "^[UG]id" /proc/self/status'], {
    user: '2147483647:2147483647',
  });
  t.is(result.stdout, `Uid:${'\t2147483647'.repeat(4)}\nGid:${'\t2147483647'.repeat(4)}\n`);
});

test.serial(
  "a user has the additional groups of the container's own /etc/group, and none of the host's",
  async (t) => {
    await using _ = await watchLeaks(t, ground.engine);
    const groups = async (user: string, more: string[] = []): Promise<string> =>
      (
        await ground.engine.run(busybox, ['sh', '-c', 'grep Groups /proc/self/status'], {
          user,
          groups: more,
        })
      ).stdout.trim();
    t.is(await groups('user'), 'Groups:\t44 1000');
    t.is(await groups('1234'), 'Groups:\t0');
    t.is(await groups('user', ['nogroup']), 'Groups:\t44 1000 65534');
  },
);

test.serial("nobody's process inherits a capability", async (t) => {
  await using _ = await watchLeaks(t, ground.engine);
  const sets = async (user: string): Promise<Record<string, string>> => {
    const { stdout } = await ground.engine.run(busybox, ['sh', '-c', 'grep ^Cap /proc/self/status'], {
      user,
    });
    return Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(':\t')),
    ) as Record<string, string>;
  };
  const none = '0000000000000000';
  t.like(await sets('root'), { CapInh: none, CapAmb: none, CapEff: '00000000a80425fb' });
  t.like(await sets('user'), { CapInh: none, CapAmb: none, CapEff: none, CapPrm: none });
});

async function outcomeOf(run: () => Promise<{ stdout: string }>): Promise<string> {
  return run().then(
    ({ stdout }) => `ran as ${stdout.trim()}`,
    (error: unknown) => (isEngineError(error) ? error.code : String(error)),
  );
}
