/**
 * Queries in, answers out, as bytes: what both transports of the DNS server share. Never throws on what a
 * stranger sends; what cannot be read as a query is answered with an error code or, when not even that makes
 * sense, not at all.
 */
import {
  AUTHORITATIVE_ANSWER,
  type DecodedPacket,
  decode,
  encode,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import type { Forwarder, Transport } from './forwarder.ts';
import { answerFromZone, type ZoneAnswer, type ZoneOptions } from './zone.ts';

/** What we take over UDP (the DNS flag day's 1232: fits into one packet everywhere). */
const udpPayloadSize = 1232;
const smallestUdp = 512;
const headerLength = 12;
const codes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4 } as const;

export interface Answering {
  zone: ZoneOptions;
  forwarder: Forwarder;
}

/** Undefined: say nothing. */
export async function answerMessage(
  { zone, forwarder }: Answering,
  message: Buffer,
  transport: Transport,
): Promise<Buffer | undefined> {
  if (message.length < headerLength) return undefined;
  const flags = message.readUInt16BE(2);
  // An answer to an answer would go on for ever.
  if ((flags & 0x8000) !== 0) return undefined;
  if (((flags >> 11) & 0xf) !== 0) return refusal(message, codes.NOTIMP);
  const query = readQuery(message);
  const question = query?.questions?.[0];
  if (!query || !question || query.questions?.length !== 1) return refusal(message, codes.FORMERR);
  const answer = answerFromZone(zone, question);
  if (!answer) return (await forwarder.ask(message, transport)) ?? encodeAnswer(query, failure, transport);
  if (answer.alias !== undefined) await followAlias(answer, question, { zone, forwarder });
  return encodeAnswer(query, answer, transport);
}

const failure: ZoneAnswer = { code: 'SERVFAIL', answers: [], additionals: [], authorities: [] };

function readQuery(message: Buffer): DecodedPacket | undefined {
  try {
    return decode(message);
  } catch {
    return undefined;
  }
}

/** The header of the query, as an answer without anything. */
function refusal(query: Buffer, code: number): Buffer {
  const answer = Buffer.alloc(headerLength);
  query.copy(answer, 0, 0, 3);
  answer[2] = (answer[2]! & 0x79) | 0x80;
  answer[3] = 0x80 | code;
  return answer;
}

/** Stub resolvers follow no aliases: what the other name leads to comes along. */
async function followAlias(
  answer: ZoneAnswer,
  { type }: Question,
  { zone, forwarder }: Answering,
): Promise<void> {
  const name = answer.alias ?? '';
  if (type === 'CNAME') return;
  const own = answerFromZone(zone, { type, name });
  if (own) {
    answer.answers.push(...own.answers);
    return;
  }
  const query = encode({ type: 'query', id: 0, flags: 0x0100, questions: [{ type, name, class: 'IN' }] });
  const reply = await forwarder.ask(query, 'udp');
  const packet = reply && readQuery(reply);
  answer.answers.push(...(packet?.answers ?? []));
}

/** Over UDP as much as the asker takes; the rest is to be had over TCP, which the answer says. */
function encodeAnswer(query: DecodedPacket, answer: ZoneAnswer, transport: Transport): Buffer {
  const asked = query.additionals?.find((record) => record.type === 'OPT');
  const limit =
    transport === 'tcp'
      ? 0xffff
      : Math.max(smallestUdp, Math.min(udpPayloadSize, asked?.udpPayloadSize ?? 0));
  const recursion = (query.flags ?? 0) & 0x0100;
  const options = asked ? [optRecord] : [];
  const packet: Packet = {
    type: 'response',
    id: query.id ?? 0,
    flags:
      (answer.code === 'SERVFAIL' ? 0 : AUTHORITATIVE_ANSWER) |
      RECURSION_AVAILABLE |
      recursion |
      codes[answer.code],
    questions: query.questions ?? [],
    answers: answer.answers,
    authorities: answer.authorities,
    additionals: [...answer.additionals, ...options],
  };
  const whole = encode(packet);
  if (whole.length <= limit) return whole;
  const withoutMore = encode({ ...packet, additionals: options });
  if (withoutMore.length <= limit) return withoutMore;
  const flags = (packet.flags ?? 0) | TRUNCATED_RESPONSE;
  return encode({ ...packet, flags, answers: [], authorities: [], additionals: options });
}

const optRecord = {
  type: 'OPT' as const,
  name: '.' as const,
  udpPayloadSize,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};
