// What Java gave for twenty random uuids.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareUuids, orderOfHashMap, orderOfHashSet } from './java-order.ts';

const GIVEN = ids(
  'uw8XmKN3NBi_yZRaAncLOQ, WSrTCX2YSl3ls_RAvhpHkg, tUsZBJGzyl1aFxX_8-FHoQ, HuiO6UCuf9_Zk-e-slLt_A, FU3jAa_KxOXtwm8WG_ukzg, pEDiZR2zROnI5gUGvfgctw, lsaX-7JYMGl5FN0tlzKV8Q, QSHI4JltpKZh9Ew1n8kXsw, xUxh7Z8CS6c4ToGOtpU52Q, UCGqk9eReITd3ahcrzRkxA, GnhQ6vlkQ-Bw86OzR3mrfg, hcijCphJbLYaZNn_7iCkIg, mOyJmRbkAVm_j8PJACrieg, ZEwXo8ZNFLXVwjGX3Mf46Q, dqLDsMXFA9py2H00c0Ijiw, 6baeE_T1D7scAhoQqWgBmg, mhwYgOwKTzIyWjkIvY4BEw, m7Yy4en_PUacunNMC8hgmQ, x0whagL5Z7AKGLCU_KjrmA, gYq_6VL1AZvvILyeWtnUrA',
);
const HASHED = ids(
  'FU3jAa_KxOXtwm8WG_ukzg, hcijCphJbLYaZNn_7iCkIg, uw8XmKN3NBi_yZRaAncLOQ, gYq_6VL1AZvvILyeWtnUrA, xUxh7Z8CS6c4ToGOtpU52Q, dqLDsMXFA9py2H00c0Ijiw, tUsZBJGzyl1aFxX_8-FHoQ, m7Yy4en_PUacunNMC8hgmQ, 6baeE_T1D7scAhoQqWgBmg, mhwYgOwKTzIyWjkIvY4BEw, ZEwXo8ZNFLXVwjGX3Mf46Q, pEDiZR2zROnI5gUGvfgctw, QSHI4JltpKZh9Ew1n8kXsw, GnhQ6vlkQ-Bw86OzR3mrfg, HuiO6UCuf9_Zk-e-slLt_A, x0whagL5Z7AKGLCU_KjrmA, lsaX-7JYMGl5FN0tlzKV8Q, UCGqk9eReITd3ahcrzRkxA, WSrTCX2YSl3ls_RAvhpHkg, mOyJmRbkAVm_j8PJACrieg',
);
const SORTED = ids(
  'gYq_6VL1AZvvILyeWtnUrA, hcijCphJbLYaZNn_7iCkIg, lsaX-7JYMGl5FN0tlzKV8Q, mOyJmRbkAVm_j8PJACrieg, mhwYgOwKTzIyWjkIvY4BEw, m7Yy4en_PUacunNMC8hgmQ, pEDiZR2zROnI5gUGvfgctw, tUsZBJGzyl1aFxX_8-FHoQ, uw8XmKN3NBi_yZRaAncLOQ, xUxh7Z8CS6c4ToGOtpU52Q, x0whagL5Z7AKGLCU_KjrmA, 6baeE_T1D7scAhoQqWgBmg, FU3jAa_KxOXtwm8WG_ukzg, GnhQ6vlkQ-Bw86OzR3mrfg, HuiO6UCuf9_Zk-e-slLt_A, QSHI4JltpKZh9Ew1n8kXsw, UCGqk9eReITd3ahcrzRkxA, WSrTCX2YSl3ls_RAvhpHkg, ZEwXo8ZNFLXVwjGX3Mf46Q, dqLDsMXFA9py2H00c0Ijiw',
);

test("hash sets and hash maps of uuids have Java's order", () => {
  assert.deepEqual(orderOfHashSet(GIVEN), HASHED);
  assert.deepEqual(orderOfHashMap(GIVEN), HASHED);
});

test('uuids compare as Java compares them, by their signed halves', () => {
  assert.deepEqual([...GIVEN].sort(compareUuids), SORTED);
});

function ids(text: string): string[] {
  return text.split(', ');
}
