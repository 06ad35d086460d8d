/** No character: the server cannot convert these codes to Unicode either. */
export const NONE = 0;

/**
 * Where MySQL differs from the decoder built into the runtime: codes `first` to `last` are
 * characters `character`, `character` + 1, … or nothing; or, from `first` on, those of a text.
 */
export type Correction =
  | readonly [first: number, last: number, character: number]
  | readonly [first: number, text: string];

export interface DoubleByteCharset {
  /** The runtime's decoder that is nearest. */
  readonly label: string;
  /** Lowest second byte of a pair; below it the label knows more than MySQL does. */
  readonly lowestTrail?: number;
  /** Single bytes above ASCII are characters: half-width katakana. */
  readonly katakana?: boolean;
  /** 0x8f starts three bytes. */
  readonly threeBytes?: boolean;
  /** A second byte of 0x30 to 0x39 starts four bytes, which the label decodes as MySQL does. */
  readonly fourBytes?: boolean;
  readonly corrections: readonly Correction[];
}

/** User-defined rows of EUC: ten rows of 94 cells each, in the private use area. */
const eucPrivateRows = (plane: number, character: number): readonly Correction[] =>
  Array.from({ length: 10 }, (_, row) => {
    const first = plane + ((0xf5 + row) << 8) + 0xa1;
    return [first, first + 93, character + 94 * row] as const;
  });

const EUC_PRIVATE = [...eucPrivateRows(0, 0xe000), ...eucPrivateRows(0x8f0000, 0xe3ac)];

export const DOUBLE_BYTE_CHARSETS: Readonly<Record<string, DoubleByteCharset>> = {
  big5: {
    label: 'big5',
    corrections: [
      [0x8140, 0xa0fe, NONE],
      [0xa145, '•'],
      [0xa14e, '､'],
      [0xa15a, 0xa15a, NONE],
      [0xa1c2, '‾'],
      [0xa1c3, 0xa1c3, NONE],
      [0xa1c5, 0xa1c5, NONE],
      [0xa1e3, '∼'],
      [0xa1f2, '♁☉'],
      [0xa1fe, 0xa240, NONE],
      [0xa241, '／＼'],
      [0xa244, '¥'],
      [0xa246, '¢£'],
      [0xa2cc, 0xa2cc, NONE],
      [0xa2ce, 0xa2ce, NONE],
      [0xa3e1, 0xa3e1, NONE],
      [0xc6a1, 'ヾゝゞ々'],
      [0xc6a5, 0xc6f7, 0x3041],
      [0xc6f8, 0xc6fe, 0x30a1],
      [0xc740, 0xc77e, 0x30a8],
      [0xc7a1, 0xc7b0, 0x30e7],
      [0xc7b1, 'ДЕЁ'],
      [0xc7b4, 0xc7ba, 0x416],
      [0xc7bb, 0xc7cd, 0x423],
      [0xc7ce, 'ё'],
      [0xc7cf, 0xc7e8, 0x436],
      [0xc7e9, 0xc7f2, 0x2460],
      [0xc7f3, 0xc7fc, 0x2474],
      [0xc7fd, 0xc8fe, NONE],
      [0xf9dd, 0xfefe, NONE],
    ],
  },
  cp932: { label: 'shift_jis', katakana: true, corrections: [] },
  sjis: {
    label: 'shift_jis',
    katakana: true,
    corrections: [
      [0x815f, '\\〜‖'],
      [0x817c, '−'],
      [0x8191, '¢£'],
      [0x81ca, '¬'],
      [0x8740, 0x879c, NONE],
      [0xed40, 0xfcfc, NONE],
    ],
  },
  ujis: {
    label: 'euc-jp',
    threeBytes: true,
    corrections: [
      [0x8ee0, 0x8ee2, NONE],
      [0xa1c0, '\\〜‖'],
      [0xa1dd, '−'],
      [0xa1f1, '¢£'],
      [0xa2cc, '¬'],
      [0xada1, 0xadfc, NONE],
      [0x8fa2b7, '~'],
      [0x8ff3a1, 0x8ff3b7, NONE],
      ...EUC_PRIVATE,
    ],
  },
  eucjpms: {
    label: 'euc-jp',
    threeBytes: true,
    corrections: [
      [0x8ee0, 0x8ee2, NONE],
      [0x8fa2c3, '￤'],
      [0x8ff3a1, 0x8ff3b7, NONE],
      [0x8ff3f3, 0x8ff3fc, 0x2170],
      [0x8ff3fd, 'ⅠⅡ'],
      [0x8ff4a1, 0x8ff4a8, 0x2162],
      [
        0x8ff4a9,
        '＇＂㈱№℡炻仼僴凬匇匤\ufa0e咊坙\ufa0f\ufa10增寬峵嵓\ufa11德悅愠敎昻晥\ufa12\uf929栁\ufa13\ufa14橫櫢淸淲瀨\ufa15\ufa16甁皂皞\ufa17礰\ufa18\ufa19\ufa1a\ufa1b竧\ufa1c\ufa1d綠緖\ufa1e荢\ufa1f薰\ufa20\ufa21蠇\ufa22譿賴赶\ufa23\ufa24\ufa25郞\ufa26鄕\ufa27\ufa28閒\uf9dc\ufa29霻靍靑\ufa2a\ufa2b\ufa2c馞髙魲\ufa2d黑',
      ],
      ...EUC_PRIVATE,
    ],
  },
  euckr: {
    label: 'euc-kr',
    lowestTrail: 0xa1,
    corrections: [
      [0xa2e6, '€®'],
      [0xc9a1, 0xc9fe, NONE],
      [0xfea1, 0xfefe, NONE],
    ],
  },
  gb18030: {
    label: 'gb18030',
    fourBytes: true,
    corrections: [
      [0xa3a0, 0xa3a0, 0xe5e5],
      [0xa6d9, 0xa6df, 0xe78d],
      [0xa6ec, 0xa6ed, 0xe794],
      [0xa6f3, 0xa6f3, 0xe796],
      [0xfe59, 0xfe59, 0xe81e],
      [0xfe61, 0xfe61, 0xe826],
      [0xfe66, 0xfe67, 0xe82b],
      [0xfe6d, 0xfe6d, 0xe832],
      [0xfe7e, 0xfe7e, 0xe843],
      [0xfe90, 0xfe90, 0xe854],
      [0xfea0, 0xfea0, 0xe864],
    ],
  },
  gb2312: {
    label: 'gbk',
    lowestTrail: 0xa1,
    corrections: [
      [0x8140, 0xa0fe, NONE],
      [0xa1a4, '・'],
      [0xa1aa, '―'],
      [0xa2a1, 0xa2b0, NONE],
      [0xa2e3, 0xa2e4, NONE],
      [0xa2ef, 0xa2f0, NONE],
      [0xa2fd, 0xa2fe, NONE],
      [0xa4f4, 0xa4fe, NONE],
      [0xa5f7, 0xa5fe, NONE],
      [0xa6b9, 0xa6c0, NONE],
      [0xa6d9, 0xa6fe, NONE],
      [0xa7c2, 0xa7d0, NONE],
      [0xa7f2, 0xa7fe, NONE],
      [0xa8bb, 0xa8c4, NONE],
      [0xa8ea, 0xa9a3, NONE],
      [0xa9f0, 0xb0a0, NONE],
      [0xd7fa, 0xd7fe, NONE],
      [0xf8a1, 0xfefe, NONE],
    ],
  },
  gbk: {
    label: 'gbk',
    corrections: [
      [0xa140, 0xa1a0, NONE],
      [0xa240, 0xa2a0, NONE],
      [0xa2ab, 0xa2b0, NONE],
      [0xa2e3, 0xa2e4, NONE],
      [0xa2ef, 0xa2f0, NONE],
      [0xa2fd, 0xa2fe, NONE],
      [0xa340, 0xa3a0, NONE],
      [0xa440, 0xa4a0, NONE],
      [0xa4f4, 0xa4fe, NONE],
      [0xa540, 0xa5a0, NONE],
      [0xa5f7, 0xa5fe, NONE],
      [0xa640, 0xa6a0, NONE],
      [0xa6b9, 0xa6c0, NONE],
      [0xa6d9, 0xa6df, NONE],
      [0xa6ec, 0xa6ed, NONE],
      [0xa6f3, 0xa6f3, NONE],
      [0xa6f6, 0xa6fe, NONE],
      [0xa740, 0xa7a0, NONE],
      [0xa7c2, 0xa7d0, NONE],
      [0xa7f2, 0xa7fe, NONE],
      [0xa896, 0xa8a0, NONE],
      [0xa8bc, 0xa8bc, NONE],
      [0xa8bf, 0xa8bf, NONE],
      [0xa8c1, 0xa8c4, NONE],
      [0xa8ea, 0xa8fe, NONE],
      [0xa958, 0xa958, NONE],
      [0xa95b, 0xa95b, NONE],
      [0xa95d, 0xa95f, NONE],
      [0xa989, 0xa995, NONE],
      [0xa997, 0xa9a3, NONE],
      [0xa9f0, 0xa9fe, NONE],
      [0xaaa1, 0xaafe, NONE],
      [0xaba1, 0xabfe, NONE],
      [0xaca1, 0xacfe, NONE],
      [0xada1, 0xadfe, NONE],
      [0xaea1, 0xaefe, NONE],
      [0xafa1, 0xaffe, NONE],
      [0xd7fa, 0xd7fe, NONE],
      [0xf8a1, 0xf8fe, NONE],
      [0xf9a1, 0xf9fe, NONE],
      [0xfaa1, 0xfafe, NONE],
      [0xfba1, 0xfbfe, NONE],
      [0xfca1, 0xfcfe, NONE],
      [0xfda1, 0xfdfe, NONE],
      [0xfe50, 0xfefe, NONE],
    ],
  },
};
