// Behaviour of the ECP5's DP16KD as far as it is used here, after Lattice's memory usage guide
// (FPGA-TN-02204): 2048 units of 9 bits, read and written 1, 2, 4 (of 8 bits of a unit), 9 or 18 bits
// wide by each side; or written by side A and read by side B 36 bits wide. With CE, a side writes if
// WE is high, of wide words the units that its lowest address lines enable, and otherwise reads; or
// does both, and shows what was there before, if WRITEMODE is READBEFOREWRITE. OCE enables the output
// register alone, if REGMODE is OUTREG; for words of 36 bits, that of side B enables both. Of reset,
// chip select and WRITETHROUGH nothing is modelled.
module DP16KD #(
  parameter DATA_WIDTH_A = 18, DATA_WIDTH_B = 18, REGMODE_A = "NOREG", REGMODE_B = "NOREG",
  parameter WRITEMODE_A = "NORMAL", WRITEMODE_B = "NORMAL", CLKAMUX = "CLKA", CLKBMUX = "CLKB",
  parameter RESETMODE = "SYNC", ASYNC_RESET_RELEASE = "SYNC", GSR = "ENABLED",
  parameter CSDECODE_A = "0b000", CSDECODE_B = "0b000",
  parameter [319:0]
    INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0, INITVAL_04 = 0, INITVAL_05 =
    0, INITVAL_06 = 0, INITVAL_07 = 0, INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B
    = 0, INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0, INITVAL_10 = 0,
    INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0, INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 =
    0, INITVAL_17 = 0, INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0, INITVAL_1C
    = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0, INITVAL_20 = 0, INITVAL_21 = 0,
    INITVAL_22 = 0, INITVAL_23 = 0, INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 =
    0, INITVAL_28 = 0, INITVAL_29 = 0, INITVAL_2A = 0, INITVAL_2B = 0, INITVAL_2C = 0, INITVAL_2D
    = 0, INITVAL_2E = 0, INITVAL_2F = 0, INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0,
    INITVAL_33 = 0, INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0, INITVAL_38 =
    0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0, INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E
    = 0, INITVAL_3F = 0
) (
  input
    DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4,
    DIA3, DIA2, DIA1, DIA0,
  input
    ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input CLKA, CEA, OCEA, WEA, RSTA, CSA2, CSA1, CSA0,
  input
    DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4,
    DIB3, DIB2, DIB1, DIB0,
  input
    ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input CLKB, CEB, OCEB, WEB, RSTB, CSB2, CSB1, CSB0,
  output
    DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4,
    DOA3, DOA2, DOA1, DOA0,
  output
    DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4,
    DOB3, DOB2, DOB1, DOB0
);
  wire [13:0] address_a = {
    ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0
  };
  wire [17:0] data_a = {
    DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4,
    DIA3, DIA2, DIA1, DIA0
  };
  wire [13:0] address_b = {
    ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0
  };
  wire [17:0] data_b = {
    DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4,
    DIB3, DIB2, DIB1, DIB0
  };

  // What is stored after configuration: 16 words of 18 bits a parameter, each in 20.
  localparam [64 * 320 - 1:0] INIT = {
    INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39,
    INITVAL_38, INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32,
    INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C, INITVAL_2B,
    INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24,
    INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20, INITVAL_1F, INITVAL_1E, INITVAL_1D,
    INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18, INITVAL_17, INITVAL_16,
    INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10, INITVAL_0F,
    INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
    INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
  };
  reg [8:0] units [0:2047];
  integer unit;
  initial
    for (unit = 0; unit < 2048; unit = unit + 1)
      units[unit] = INIT[unit / 2 * 20 + unit % 2 * 9 +: 9];

  wire [35:0] written = DATA_WIDTH_A == 36 ? {data_b, data_a} : {18'b0, data_a};
  reg [35:0] shown_a = 0, shown_b = 0, held_a = 0, held_b = 0;

  always @(posedge CLKA)
    if (CEA && WEA) begin
      if (DATA_WIDTH_A == 36) begin
        if (address_a[0])
          units[{address_a[13:5], 2'd0}] <= written[8:0];
        if (address_a[1])
          units[{address_a[13:5], 2'd1}] <= written[17:9];
        if (address_a[2])
          units[{address_a[13:5], 2'd2}] <= written[26:18];
        if (address_a[3])
          units[{address_a[13:5], 2'd3}] <= written[35:27];
      end else if (DATA_WIDTH_A == 18) begin
        if (address_a[0])
          units[{address_a[13:4], 1'd0}] <= written[8:0];
        if (address_a[1])
          units[{address_a[13:4], 1'd1}] <= written[17:9];
      end else if (DATA_WIDTH_A == 9)
        units[address_a[13:3]] <= written[8:0];
      else if (DATA_WIDTH_A == 4)
        units[address_a[13:3]][{address_a[2], 2'd0} +: 4] <= written[3:0];
      else if (DATA_WIDTH_A == 2)
        units[address_a[13:3]][{address_a[2:1], 1'd0} +: 2] <= written[1:0];
      else if (DATA_WIDTH_A == 1)
        units[address_a[13:3]][address_a[2:0] +: 1] <= written[0:0];
    end
  always @(posedge CLKA)
    if (CEA && (!WEA || WRITEMODE_A == "READBEFOREWRITE"))
      case (DATA_WIDTH_A)
        36: shown_a <= {units[{address_a[13:5], 2'd3}], units[{address_a[13:5], 2'd2}],
                        units[{address_a[13:5], 2'd1}], units[{address_a[13:5], 2'd0}]};
        18: shown_a <= {18'b0, units[{address_a[13:4], 1'd1}], units[{address_a[13:4], 1'd0}]};
        9: shown_a <= {27'b0, units[address_a[13:3]]};
        default: shown_a <= {27'b0, units[address_a[13:3]] >> address_a[2:0]};
      endcase
  always @(posedge CLKA)
    if (OCEA)
      held_a <= shown_a;

  always @(posedge CLKB)
    if (CEB && WEB) begin
      if (DATA_WIDTH_B == 18) begin
        if (address_b[0])
          units[{address_b[13:4], 1'd0}] <= data_b[8:0];
        if (address_b[1])
          units[{address_b[13:4], 1'd1}] <= data_b[17:9];
      end else if (DATA_WIDTH_B == 9)
        units[address_b[13:3]] <= data_b[8:0];
      else if (DATA_WIDTH_B == 4)
        units[address_b[13:3]][{address_b[2], 2'd0} +: 4] <= data_b[3:0];
      else if (DATA_WIDTH_B == 2)
        units[address_b[13:3]][{address_b[2:1], 1'd0} +: 2] <= data_b[1:0];
      else if (DATA_WIDTH_B == 1)
        units[address_b[13:3]][address_b[2:0] +: 1] <= data_b[0:0];
    end
  always @(posedge CLKB)
    if (CEB && (!WEB || WRITEMODE_B == "READBEFOREWRITE"))
      case (DATA_WIDTH_B)
        36: shown_b <= {units[{address_b[13:5], 2'd3}], units[{address_b[13:5], 2'd2}],
                        units[{address_b[13:5], 2'd1}], units[{address_b[13:5], 2'd0}]};
        18: shown_b <= {18'b0, units[{address_b[13:4], 1'd1}], units[{address_b[13:4], 1'd0}]};
        9: shown_b <= {27'b0, units[address_b[13:3]]};
        default: shown_b <= {27'b0, units[address_b[13:3]] >> address_b[2:0]};
      endcase
  always @(posedge CLKB)
    if (OCEB)
      held_b <= shown_b;

  wire [35:0] out_a = REGMODE_A == "OUTREG" ? held_a : shown_a;
  wire [35:0] out_b = REGMODE_B == "OUTREG" ? held_b : shown_b;
  assign {
    DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4,
    DOA3, DOA2, DOA1, DOA0
  } = DATA_WIDTH_B == 36 ? out_b[17:0] : out_a[17:0];
  assign {
    DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4,
    DOB3, DOB2, DOB1, DOB0
  } = DATA_WIDTH_B == 36 ? out_b[35:18] : out_b[17:0];

  initial
    if ({RSTA, RSTB, CSA2, CSA1, CSA0, CSB2, CSB1, CSB0} != 0 || WRITEMODE_A == "WRITETHROUGH"
        || WRITEMODE_B == "WRITETHROUGH" || (DATA_WIDTH_B == 36 && REGMODE_A != REGMODE_B))
      $fatal(1, "what is asked of this DP16KD is not modelled");
endmodule
