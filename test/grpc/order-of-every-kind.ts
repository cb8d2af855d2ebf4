/** Message `Order` of `described.proto`, with a field of every kind. */
export const orderOfEveryKind = {
  orderId: 'o',
  large: '9007199254740993',
  data: 'AQI=',
  isPaid: true,
  price: 1.5,
  size: 'LARGE',
  items: [{ productId: 'p' }],
  itemsByName: { a: { quantity: 1 } },
  at: '2026-11-29T12:00:00.500Z',
  within: '1.500s',
  note: 'n',
  count: 0,
  nested: { numbers: [1, 2] },
  leftSide: 'l',
  uid: 'u',
};
