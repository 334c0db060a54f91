// Behaviour of the ECP5's MULT18X18D as far as it is used here, after Lattice's sysDSP usage guide
// (FPGA-TN-02205): optional registers for A, B and the product, each with a clock, a clock enable and
// a synchronous reset that its parameters choose; factors signed if SIGNEDA and SIGNEDB say so. Of
// the pipeline register, the shift chains (SOURCEA, SOURCEB) and operand C nothing is modelled.
module MULT18X18D #(
  parameter REG_INPUTA_CLK = "NONE", REG_INPUTA_CE = "CE0", REG_INPUTA_RST = "RST0",
  parameter REG_INPUTB_CLK = "NONE", REG_INPUTB_CE = "CE0", REG_INPUTB_RST = "RST0",
  parameter REG_OUTPUT_CLK = "NONE", REG_OUTPUT_CE = "CE0", REG_OUTPUT_RST = "RST0",
  parameter GSR = "ENABLED"
) (
  input
    A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input
    B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB, CLK0, CE0, CE1, RST0,
  output
    P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
    P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  wire [17:0] a = {
    A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0
  };
  wire [17:0] b = {
    B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0
  };

  reg signed [18:0] held_a = 0, held_b = 0;
  reg signed [37:0] held_product = 0;
  wire signed [18:0] wide_a = {SIGNEDA & a[17], a};
  wire signed [18:0] wide_b = {SIGNEDB & b[17], b};
  wire signed [18:0] factor_a = REG_INPUTA_CLK == "NONE" ? wide_a : held_a;
  wire signed [18:0] factor_b = REG_INPUTB_CLK == "NONE" ? wide_b : held_b;
  wire signed [37:0] product = factor_a * factor_b;

  always @(posedge CLK0) begin
    if (RST0)
      held_a <= 0;
    else if (REG_INPUTA_CE == "CE1" ? CE1 : CE0)
      held_a <= wide_a;
    if (RST0)
      held_b <= 0;
    else if (REG_INPUTB_CE == "CE1" ? CE1 : CE0)
      held_b <= wide_b;
    if (RST0)
      held_product <= 0;
    else if (REG_OUTPUT_CE == "CE1" ? CE1 : CE0)
      held_product <= product;
  end

  assign {
    P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18,
    P17, P16, P15, P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
  } = REG_OUTPUT_CLK == "NONE" ? product[35:0] : held_product[35:0];

  initial
    if (SOURCEA || SOURCEB)
      $fatal(1, "shift chains are not modelled");
endmodule
