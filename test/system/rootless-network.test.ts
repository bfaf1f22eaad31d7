import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type NetworkFixture, openNetworkFixture } from '../fixtures/networks.ts';
import { OrdinaryUser } from '../fixtures/ordinary-user.ts';

/** A user on a host that is a namespace of its own, with another host behind a router. */
let world: NetworkFixture;
let user: OrdinaryUser;
let image: string;
let web: ChildProcess;

const makeImage = `cd; mkdir busybox; cd busybox; mkdir bin dev etc proc sys tmp; cp /bin/busybox bin
for applet in sh cat echo httpd ip mkdir sleep true wget; do ln -s busybox bin/$applet; done`;

test.before(async () => {
  world = await openNetworkFixture();
  user = await OrdinaryUser.create({ netns: world.host.path });
  image = `@${user.home}/busybox`;
  const { code, stderr } = await user.run(['sh', '-c', makeImage]);
  if (code !== 0) throw new Error(stderr);
  writeFileSync(join(world.directory, 'index.html'), 'from afar');
  const serve = ['busybox', 'httpd', '-f', '-p', '9000', '-h', world.directory];
  web = spawn('nsenter', [`--net=${world.remote.path}`, ...serve], { stdio: 'ignore' });
  if ((await fetched(world.host, 'http://203.0.113.9:9000/')) !== 'from afar') throw new Error('no web');
});

test.after.always(async () => {
  web?.kill('SIGKILL');
  await user?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

async function strake(t: ExecutionContext, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await user.strake(argv);
  t.is(code, 0, `${argv.join(' ')}: ${stderr}`);
  return stdout;
}

const server = ['sh', '-c', 'mkdir -p /www; echo hello >/www/index.html; exec httpd -f -p 80 -h /www'];

/** What a server answers, once it serves. */
async function fetched(netns: NetworkFixture['host'], url: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    const { code, out } = await netns.sh(`curl -gsS -m 3 ${url}`);
    if (code === 0 || attempt === 400) return out.trim();
    await delay(50);
  }
}

for (const program of ['pasta', 'slirp4netns']) {
  test.serial(
    `a user's container reaches the world by ${program}, and is reached by what it publishes`,
    async (t) => {
      t.timeout(120_000);
      const run = ['run', '--rm', '--network', program, image, 'sh', '-c'];
      const said = await strake(
        t,
        ...run,
        'ip -4 addr show eth0; wget -qO- http://203.0.113.9:9000/; cat /etc/resolv.conf',
      );
      t.regex(said, /inet 10\.0\.2\.100\/24/);
      t.regex(said, /from afar/);
      t.regex(said, /nameserver 10\.0\.2\.3/);

      await strake(t, 'run', '-d', '--name', 'web', '--network', program, '-p', '8080:80', image, ...server);
      for (const url of ['http://127.0.0.1:8080/', 'http://[::1]:8080/', 'http://198.51.100.1:8080/'])
        t.is(await fetched(world.host, url), 'hello', url);
      t.is(await fetched(world.remote, 'http://198.51.100.1:8080/'), 'hello');
      t.regex(await strake(t, 'port', 'web'), /80\/tcp -> 0\.0\.0\.0:8080/);

      const taken = await user.strake(['run', '--rm', '--network', program, '-p', '8080:80', image, 'true']);
      t.is(taken.code, 125);
      t.regex(taken.stderr, /port 8080\/tcp: it is taken by container web/);

      await strake(t, 'port', 'add', 'web', '8081:80');
      t.is(await fetched(world.remote, 'http://198.51.100.1:8081/'), 'hello');
      await strake(t, 'port', 'rm', 'web', '8081:80');
      t.not((await world.host.sh('curl -s -m 3 http://127.0.0.1:8081/')).code, 0);

      await strake(t, 'rm', '-f', 'web');
      t.deepEqual(await user.processesLeft(), []);
      t.deepEqual((await world.host.must('ss -Hltun')).trim(), '');
    },
  );
}

test.serial(
  "a container with the host's processes finds none of the host's files behind its network's",
  async (t) => {
    const look =
      'for pid in /proc/[0-9]*; do if cat $pid/root/etc/passwd 2>/dev/null; then echo $pid; fi; done; echo looked';
    for (const program of ['pasta', 'slirp4netns'])
      t.is(
        await strake(t, 'run', '--rm', '--pid', 'host', '--network', program, image, 'sh', '-c', look),
        'looked\n',
      );
  },
);

test.serial('the default of a user is a network, and others are refused with the reason', async (t) => {
  t.regex(await strake(t, 'run', '--rm', image, 'ip', 'addr'), /10\.0\.2\.100/);
  const { code, stderr } = await user.strake(['run', '--rm', '--network', 'shop', image, 'true']);
  t.is(code, 125);
  t.regex(stderr, /an ordinary user cannot make bridges: shop/);
});

test.serial('a monitor that is killed takes its program and its ports with it', async (t) => {
  t.timeout(60_000);
  await strake(t, 'run', '-d', '--name', 'lost', '-p', '8082:80', image, ...server);
  t.is(await fetched(world.host, 'http://127.0.0.1:8082/'), 'hello');
  const [id = ''] = readdirSync(join(user.runDir, 'containers'));
  const { monitorPid } = JSON.parse(readFileSync(join(user.runDir, 'containers', id, 'state.json'), 'utf8'));
  process.kill(monitorPid, 'SIGKILL');
  t.deepEqual(await user.processesLeft(), []);
  t.regex(await strake(t, 'ps', '-a'), /Exited \(137\)/);
  t.deepEqual(readdirSync(join(user.runDir, 'networks', '0'.repeat(64), 'endpoints')), []);
  await strake(t, 'rm', 'lost');
});
