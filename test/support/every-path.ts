import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConditionalCheckFailedException, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { GetQueueUrlCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb';
import { names } from '../../functions/manifest.ts';
import type { IncidentRecord, view } from '../../functions/revocation/incident.ts';
import { extended, headOf } from '../../functions/revocation/timeline.ts';
import type { Configuration } from '../../lib/configuration.ts';
import { signedHeaders } from '../../lib/local/follow.ts';
import type { Scanner, ScannerDelivery } from '../../lib/local/scanners/scanner.ts';
import type { SlackDelivery, SlackWorkspace } from '../../lib/local/slack.ts';
import type { Stage } from '../../lib/local/stage.ts';
import type { World } from '../../lib/local/vendors/vendor.ts';
import type { RecordedCall } from './recorded-calls.ts';

type Incident = ReturnType<typeof view>;
interface SampleLeak {
  provider: string;
  kind: string;
  secret: string;
}

/** Who may decide in Slack. */
export const approver = 'U0APPROVER';
/** What a step of one of these paths may take on a machine that has much else to do (ms). */
const patience = 120_000;
/** Whoever waits for what something brings about brings it about again this often (ms). */
const again = 2000;

interface Surroundings {
  stage: Stage;
  worlds: Record<string, World>;
  configuration: Configuration;
  calls(): RecordedCall[];
  /** Calls the one who keeps watch, in a minute in which sources are swept. */
  sweepTime(): Promise<unknown>;
}

/** Every path that leads a function to AWS: what goes well, and what needs further calls. They run side by side, on keys of their own. */
export async function walkEveryPath(given: Surroundings): Promise<void> {
  const { stage, worlds } = given;
  const slack = stage.slack as SlackWorkspace;
  const { call, alert, deliver, record, until, resting, untold, incidentAt } = handsOf(stage);
  const scanner = (id: string) => stage.scanners[id] as Scanner;
  const keepWatch = () => stage.functions['keep-watch']?.invoke({});
  const isRecorded = (who: string, action: string, resource: string) =>
    given.calls().some((one) => one.who === who && one.action === action && one.resource === resource);
  const recorded = (who: string, action: string, resource: string) =>
    eventually(`${who} does not call ${action}`, () => isRecorded(who, action, resource));
  const leaksOf = (id: string) => (worlds[id]?.leaks ?? []) as SampleLeak[];

  /** One key of a provider: put back, asked about, approved in Slack, dead, reported again, met by its id, looked at again. */
  async function ofProvider(id: string): Promise<void> {
    const [leak] = leaksOf(id);
    const vendor = stage.vendors[id];
    if (leak === undefined || vendor === undefined) throw new Error(`${id} has no sample`);
    const lane = names.function('revoke-key', id);
    const trouble = { on: /./, reply: { status: 503 } };
    vendor.troubles.push(trouble);
    const asked = await call('POST', '/revocations', { ...leak, action: 'approve', reason: 'it stands in a test' });
    await recorded(lane, 'sqs:SendMessage', names.lane(id));
    vendor.troubles.splice(vendor.troubles.indexOf(trouble), 1);
    const waiting = await until(asked.json.id, ({ state }) => state === 'awaiting-approval');
    await deliver('slack', slack.command(`approve ${waiting.id}`, approver));
    await until(waiting.id, ({ outcome }) => outcome === 'revoked');
    await alert(leak);
    const { keyId } = await until(waiting.id, ({ sightingCount }) => sightingCount > 1);
    const { provider, kind } = leak;
    await call('POST', '/revocations', { provider, kind, identifiers: { keyId }, dryRun: true });
    await recorded(lane, 'dynamodb:BatchGetItem', names.table);
    await untold(waiting.id);
    await onceDue(
      waiting.id,
      () => ({ 'watch.at': Date.now() - 1000 }),
      async () => ((await record(waiting.id)).proof?.checks.length ?? 0) > 1,
    );
    await onceDue(
      waiting.id,
      () => ({ telling: true }),
      () => isRecorded(names.function('keep-watch'), 'sqs:SendMessage', names.notices),
    );
  }

  /**
   * The time has come for somebody to look at an incident, because of this: it is looked at until that has come of it. Who tells of
   * the incident at that moment, or was sent by another path, may put it off again.
   */
  const onceDue = (id: string, because: () => Due, isSeen: () => boolean | Promise<boolean>) =>
    repeated(
      `nobody looks at ${id}`,
      async () => {
        await makeDue(id, because());
        await keepWatch();
      },
      isSeen,
    );

  type Due = { 'watch.at': number } | { telling: true };
  const makeDue = (id: string, because: Due) => {
    const [[path, value] = ['', undefined]] = Object.entries(because);
    const parts = path.split('.');
    return stage.cloud.dynamoDb.send(
      new UpdateItemCommand({
        TableName: names.table,
        Key: { id: { S: id } },
        UpdateExpression: `SET watched = :due, dueAt = :past, ${parts.map((part) => `#${part}`).join('.')} = :value`,
        ExpressionAttributeNames: Object.fromEntries(parts.map((part) => [`#${part}`, part])),
        ExpressionAttributeValues: marshall({
          ':due': 'due',
          ':past': new Date(Date.now() - 1000).toISOString(),
          ':value': value,
        }),
      }),
    );
  };

  /** A timeline that the next entry makes too long for its item; who had read it before reads it again. */
  async function fill(id: string): Promise<void> {
    const { timeline, revision } = await record(id);
    const step = { at: new Date().toISOString(), stage: 'alive', detail: '' } as const;
    const sizeWith = (detail: string) =>
      Buffer.byteLength(JSON.stringify(extended(id, timeline, [{ ...step, detail }])));
    const full = extended(id, timeline, [{ ...step, detail: '.'.repeat(Math.max(129_990 - sizeWith(''), 0)) }]);
    const values = { ':full': full, ':head': headOf(id, full), ':read': revision, ':written': revision + 1 };
    try {
      await stage.cloud.dynamoDb.send(
        new UpdateItemCommand({
          TableName: names.table,
          Key: { id: { S: id } },
          UpdateExpression: 'SET timeline = :full, head = :head, revision = :written',
          ConditionExpression: 'revision = :read',
          ExpressionAttributeValues: marshall(values),
        }),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return fill(id);
    }
  }

  /** What is disabled can be restored; what counts against the fuse is counted. */
  async function disabled(): Promise<void> {
    const [leak] = leaksOf('docspace');
    const { json } = await call('POST', '/revocations', { ...leak, action: 'disable' }, { prefer: 'wait=25' });
    await until(json.id, ({ outcome }) => outcome === 'disabled');
    await call('POST', `/incidents/${json.id}/restore`, { reason: 'it was the wrong one' });
    await until(json.id, ({ outcome }) => outcome === 'restored');
  }

  /** What nobody has to decide: it counts against the fuse, whose state operators see and change. */
  async function automatic(): Promise<void> {
    await call('GET', '/fuse');
    const ids = await Promise.all(
      leaksOf('datadog')
        .slice(1)
        .map(async (leak) => String((await alert(leak)).json.incidents[0].id)),
    );
    await Promise.all(ids.map((id) => until(id, ({ outcome }) => outcome === 'revoked')));
    await call('POST', '/fuse/reset');
  }

  /** Alerts that only name a key: fetched, put back while their source is down, closed, and told of a second time. */
  async function references(): Promise<void> {
    const found = Object.entries(worlds.datadog?.finds ?? {});
    const alerts = await Promise.all(
      found.map(async ([source, discovery]) => {
        const trouble = { on: /^GET /, reply: { status: 503 } };
        scanner(source).troubles.push(trouble);
        const delivery = scanner(source).find(discovery);
        await deliver(source, delivery);
        await recorded(names.function('resolve-alert'), 'sqs:SendMessage', names.unrouted);
        scanner(source).troubles.splice(scanner(source).troubles.indexOf(trouble), 1);
        const { id } = await incidentAt(delivery.link);
        await until(id, ({ outcome }) => outcome === 'revoked');
        await untold(id);
        return { source, discovery, id };
      }),
    );
    // Who tells of it writes the entry that does not fit any more.
    const [first] = alerts;
    if (first === undefined) throw new Error('no scanner finds a sample');
    await repeated(
      'no notice archives anything',
      async () => {
        await untold(first.id);
        await fill(first.id);
        await deliver(first.source, scanner(first.source).find(first.discovery));
      },
      () => isRecorded(names.function('send-notice'), 'dynamodb:PutItem', names.table),
    );
  }

  /** Values whose name or form says whose they are, in alerts that are fetched. */
  async function ofManyProviders(): Promise<void> {
    const [coveo, atlas] = [leaksOf('coveo')[0], leaksOf('mongodb-atlas')[1]];
    const github = scanner('github');
    for (const [id, secret = '', detector] of [
      ['coveo', coveo?.secret, 'coveo_api_key'],
      ['mongodb-atlas', atlas?.secret, 'mongodb_atlas_service_account_secret'],
    ] as const) {
      await deliver('github', github.find({ secret, detector }));
      await recorded(names.function('resolve-alert'), 'sqs:SendMessage', names.lane(id));
    }
  }

  /** An alert that is gone, and a person who asks for it again. */
  async function lost(): Promise<void> {
    const gitlab = scanner('gitlab');
    const discovery = { secret: 'nobody-knows-whose-this-is', detector: 'gitleaks_rule_id_datadog-access-token' };
    const delivery = gitlab.find(discovery);
    const [gone] = gitlab.alerts.splice(
      gitlab.alerts.findIndex(({ link }) => link === delivery.link),
      1,
    );
    await deliver('gitlab', delivery);
    const { id } = await incidentAt(delivery.link);
    if (gone !== undefined) gitlab.alerts.push(gone);
    await repeated(
      'nobody asks for the alert again',
      () => call('POST', `/incidents/${id}/retry`),
      () => isRecorded(names.function('receive-request'), 'sqs:SendMessage', names.unrouted),
    );
  }

  /** What no lane takes, reported twice; a report of a scanner; what AWS says of a key of its own. */
  async function unrouted(): Promise<void> {
    const nobodys = { provider: 'elsewhere', secret: 'nobody-knows-whose-this-is-either' };
    const { json } = await alert(nobodys);
    const [{ id }] = json.incidents;
    await resting(id);
    await alert(nobodys);
    await until(id, ({ sightingCount }) => sightingCount > 1);
    // Whoever writes to it at that moment archives in its stead: then another one is filled.
    const filling = [id];
    await repeated(
      'no rejection archives anything',
      async () => {
        const fresh = { ...nobodys, secret: `nobody-knows-${randomUUID()}` };
        const one = filling.shift() ?? (await alert(fresh)).json.incidents[0].id;
        await resting(one);
        await untold(one);
        await fill(one);
        await call('POST', `/incidents/${one}/reject`, { reason: 'a made-up one' });
      },
      () => isRecorded(names.function('receive-request'), 'dynamodb:PutItem', names.table),
    );
    const finding = {
      RuleID: 'generic-api-key',
      Secret: 'x'.repeat(24),
      File: 'a.env',
      StartLine: 1,
      Commit: 'c0ffee',
    };
    await call('POST', '/reports/gitleaks', [finding]);
    const { QueueUrl } = await stage.cloud.sqs.send(new GetQueueUrlCommand({ QueueName: names.unrouted }));
    const health = {
      ...{ source: 'aws.health', id: 'health-1', account: '000000000000' },
      detail: {
        ...{ service: 'RISK', eventTypeCode: 'AWS_RISK_CREDENTIALS_EXPOSED', eventArn: 'arn:aws:health:1' },
        affectedEntities: [{ entityValue: 'AKIAINVENTED00000001' }],
      },
    };
    await stage.cloud.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(health) }));
  }

  /** Senders of signed arrays and the like: their secrets are read for the first delivery. */
  async function otherSenders(): Promise<void> {
    const discovery = { secret: 'nobody-knows-whose-this-is', detector: 'something' };
    for (const id of ['gitlab-partner', 'deps-dev']) await deliver(id, scanner(id).find(discovery));
    // Their secrets are read before a signature is found wrong.
    for (const id of ['github-partner', 'trufflehog']) await call('POST', `/sources/${id}`, '[]');
    await call('GET', '/sources/gitlab/revocable_token_types');
  }

  /** What is written in Slack: a question, a link to an alert, a key, and buttons. */
  async function inSlack(): Promise<void> {
    await deliver('slack', slack.command('status', approver));
    const { link } = scanner('gitguardian').find({ secret: 'nobody-knows-whose-this-is', detector: 'x' });
    await deliver('slack', slack.event({ user: 'U0CARELESS', text: `see ${link}` }));
    await recorded(names.function('receive-slack'), 'sqs:SendMessage', names.unrouted);
    const pasted = slack.event({
      user: 'U0CARELESS',
      text: `try ddapp_${'ca9a7ea1'.repeat(4)}`,
      ts: '1763640000.000100',
    });
    await deliver('slack', pasted);
    await recorded(names.function('receive-slack'), 'dynamodb:PutItem', names.table);
  }

  /** Slack is down for a moment, and what was to be told there waits. */
  async function slackIsDown(): Promise<void> {
    const trouble = { on: /^POST \/api\/chat\./, reply: { status: 503 } };
    slack.troubles.push(trouble);
    await recorded(names.function('send-notice'), 'sqs:SendMessage', names.notices);
    slack.troubles.splice(slack.troubles.indexOf(trouble), 1);
  }

  /** A key that is made for the purpose is leaked to ourselves and dies. */
  async function drills(): Promise<void> {
    for (const id of Object.keys(given.configuration.drill?.accounts ?? {}))
      await repeated(`no drill of ${id} is over`, keepWatch, async () => {
        const { json } = await call('GET', `/incidents?outcome=revoked&provider=${id}&limit=100`);
        return listed(json).some(({ sightings }) => sightings.some(({ source }) => source === 'drill'));
      });
  }

  /** What is told beside that, once there is something to list and to sweep. */
  async function lists(): Promise<void> {
    for (const query of ['', '?state=parked', '?outcome=revoked', '?provider=datadog'])
      await call('GET', `/incidents${query}`);
    // A source that is down when its turn comes is left to the next sweep.
    await repeated(
      'no sweep looks up what is known',
      given.sweepTime,
      () =>
        isRecorded(names.function('keep-watch'), 'sqs:SendMessage', names.unrouted) &&
        isRecorded(names.function('resolve-alert'), 'dynamodb:BatchGetItem', names.table),
    );
  }

  await Promise.all([
    slackIsDown(),
    disabled().then(() => ofProvider('docspace')),
    // A drill that meets a provider in trouble begins anew only after a while, so none is in trouble before.
    drills().then(() => ofProvider('datadog')),
    ...Object.keys(given.configuration.providers)
      .filter((id) => !['docspace', 'datadog'].includes(id))
      .map(ofProvider),
    automatic(),
    references().then(ofManyProviders),
    lost(),
    unrouted(),
    otherSenders(),
    inSlack(),
    lists(),
  ]);
}

/** The incidents of a list; none where the stage had no time to answer. */
const listed = (json: { incidents?: Incident[] } | undefined): Incident[] => json?.incidents ?? [];

/** What tests do at a stage, and look at. */
function handsOf(stage: Stage) {
  async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
    const raw = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    // Who has no time to answer says that it is to be sent again, and senders do.
    return eventually(`${method} ${path} is not answered`, async () => {
      const response = await fetch(stage.url + path, {
        method,
        headers: { 'content-type': 'application/json', ...headers },
        ...(raw !== undefined && { body: raw }),
      });
      const text = await response.text();
      if (response.status >= 500) return undefined;
      return { status: response.status, json: text.startsWith('{') ? JSON.parse(text) : undefined };
    });
  }
  const deliver = (source: string, { body, headers }: Pick<ScannerDelivery & SlackDelivery, 'body' | 'headers'>) =>
    call('POST', `/sources/${source}`, body, headers);
  const alert = (leak: object) => {
    const body = JSON.stringify({ type: 'credential.leaked', timestamp: '2026-11-20T12:00:00Z', data: leak });
    return call('POST', '/sources/standard', body, signedHeaders(body));
  };
  const until = async (id: string, wanted: (incident: Incident) => boolean): Promise<Incident> => {
    let last: unknown;
    const otherwise = () => `incident ${id} does not get there: ${wanted}, ${JSON.stringify(last)?.slice(0, 4000)}`;
    return eventually(otherwise, async () => {
      const { status, json } = await call('GET', `/incidents/${id}`);
      last = json;
      return status === 200 && wanted(json) ? (json as Incident) : undefined;
    });
  };
  const resting = (id: string) => until(id, ({ state }) => ['closed', 'parked', 'awaiting-approval'].includes(state));
  /** An incident as it lies in the table, past the functions. */
  async function record(id: string): Promise<IncidentRecord> {
    const command = new GetItemCommand({ TableName: names.table, Key: { id: { S: id } }, ConsistentRead: true });
    const { Item } = await stage.cloud.dynamoDb.send(command);
    return unmarshall(Item ?? {}) as IncidentRecord;
  }
  const untold = (id: string) =>
    eventually(`nobody is told of ${id}`, async () => (await record(id)).telling === false);
  /** The incident that stands for an alert. */
  const incidentAt = (link: string): Promise<Incident> =>
    eventually(`no incident comes of ${link}`, async () => {
      const { json } = await call('GET', '/incidents?limit=100');
      return listed(json).find(({ sightings }) => sightings.some(({ reference }) => reference === link));
    });
  return { call, deliver, alert, until, resting, record, untold, incidentAt };
}

/** Does something again and again, until what it brings about is seen. */
async function repeated(
  otherwise: string,
  act: () => unknown,
  isSeen: () => boolean | Promise<boolean>,
): Promise<void> {
  let done = Number.NEGATIVE_INFINITY;
  await eventually(otherwise, async () => {
    if (Date.now() > done + again) {
      await act();
      done = Date.now();
    }
    return isSeen();
  });
}

async function eventually<Value>(
  otherwise: string | (() => string),
  look: () => Value | false | undefined | Promise<Value | false | undefined>,
): Promise<Value> {
  for (const end = Date.now() + patience; ; await sleep(40)) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(typeof otherwise === 'string' ? otherwise : otherwise());
  }
}
