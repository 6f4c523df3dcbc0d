/**
 * How the scheduler answers the tables of its peers: cases, how many it answers as they do, and where it
 * deliberately does not, with the reason. The tables are data under test/scheduler/peers.
 */
import { isDeepStrictEqual } from 'node:util';
import { comparable, outcomeOf, type PeerTable } from '../test/scheduler/peers/peer-case.ts';
import { peerFiles } from '../test/scheduler/peers/peer-files.ts';
import type { Table } from './table.ts';

export async function run(): Promise<Table> {
  const tables = peerFiles().flatMap(({ peer, tables }) => tables.map((table) => ({ peer, table })));
  const rows = tables.map(({ peer, table }) => [peer, table.name, ...countsOf(table)]);
  const sum = (column: number) => rows.reduce((total, row) => total + Number(row[column]), 0);
  return {
    title: "Peers' fixtures: the same question, the same answer?",
    columns: ['peer', 'table', 'cases', 'same', 'deliberately different', 'wrong'],
    rows: [...rows, ['', 'all', sum(2), sum(3), sum(4), sum(5)]],
    notes: tables.flatMap(({ table }) =>
      table.cases.flatMap(({ name, differs }) =>
        differs ? [`different in ${table.name}, "${name}": ${differs}`] : [],
      ),
    ),
  };
}

function countsOf(table: PeerTable): number[] {
  const different = table.cases.filter(({ differs }) => differs).length;
  const same = table.cases.filter(
    (one) =>
      !one.differs &&
      isDeepStrictEqual(comparable(table, outcomeOf(table, one)), comparable(table, one.expect)),
  ).length;
  return [table.cases.length, same, different, table.cases.length - same - different];
}
