// Stream player: feeds a file of 32-bit command words to a core at full rate and writes every
// response word to another file. Clock, reset, files and back-pressure are all handled here, so
// that nothing outside the simulator runs once a cycle.
//
// The core is the module `DUT, with the ports of emitted Verilog: clk, rst and the two streams
// commands__* (in) and responses__* (out). Options, all plusargs:
//
//   +commands=FILE +command_words=N     words to play, least significant byte first
//   +responses=FILE +response_words=N   words to expect
//   +max_cycles=N                       give up after so many cycles
//   +idle=N +stall=N                    of 65536 cycles, how many offer no command, take no response
//   +player_seed=N                       of the random idling and stalling
//   +progress=FILE                      gets "cycles commands responses" every 65536 cycles
//   +quiet_cycles=N                     cycles after the last response in which none may follow
//
// `done` rises when all commands are accepted and all responses have arrived, or the player gave
// up; `status` then says which.

module player;
  localparam bit [1:0] RUNNING = 0, COMPLETE = 1, OUT_OF_CYCLES = 2, SURPLUS = 3;

  bit clk = 0;
  bit rst = 1;
  always begin
    #1 clk = 1;
    #1 clk = 0;
  end

  bit        done /*verilator public_flat_rd*/ = 0;
  bit [1:0]  status /*verilator public_flat_rd*/ = RUNNING;
  longint    cycles /*verilator public_flat_rd*/ = 0;        // until the last response
  longint    commands_count /*verilator public_flat_rd*/ = 0;
  longint    responses_count /*verilator public_flat_rd*/ = 0;

  bit [31:0] command;
  bit        command_valid = 0;
  wire       command_ready;
  wire [31:0] response;
  wire       response_valid;
  bit        response_ready = 0;

  `DUT dut (
    .clk(clk),
    .rst(rst),
    .commands__payload(command),
    .commands__valid(command_valid),
    .commands__ready(command_ready),
    .responses__payload(response),
    .responses__valid(response_valid),
    .responses__ready(response_ready)
  );

  string name;
  int commands_file, responses_file, progress_file = 0;
  longint command_words, response_words, max_cycles, elapsed = 0, quiet_cycles, quiet = 0;
  longint fetched = 0;
  int idle = 0, stall = 0;
  bit [63:0] random = 64'h9e3779b97f4a7c15;

  initial begin
    bit [63:0] seed;
    if (!$value$plusargs("commands=%s", name)) $fatal(1, "No +commands=FILE");
    commands_file = $fopen(name, "rb");
    if (!$value$plusargs("responses=%s", name)) $fatal(1, "No +responses=FILE");
    responses_file = $fopen(name, "wb");
    if (commands_file == 0 || responses_file == 0) $fatal(1, "Cannot open the files");
    if ($value$plusargs("progress=%s", name)) progress_file = $fopen(name, "w");
    if (!$value$plusargs("command_words=%d", command_words)) $fatal(1, "No +command_words=N");
    if (!$value$plusargs("response_words=%d", response_words)) $fatal(1, "No +response_words=N");
    if (!$value$plusargs("max_cycles=%d", max_cycles)) $fatal(1, "No +max_cycles=N");
    if (!$value$plusargs("quiet_cycles=%d", quiet_cycles)) quiet_cycles = 0;
    void'($value$plusargs("idle=%d", idle));
    void'($value$plusargs("stall=%d", stall));
    if ($value$plusargs("player_seed=%d", seed)) random = random ^ (seed * 64'hbf58476d1ce4e5b9);
  end

  // xorshift64: one step a cycle is good for two independent decisions of 16 bits.
  function automatic bit [63:0] step(bit [63:0] x);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
  endfunction

  function automatic bit [31:0] fetch();
    bit [31:0] word;
    if ($fread(word, commands_file) != 4) $fatal(1, "The file of commands is too short");
    return {word[7:0], word[15:8], word[23:16], word[31:24]};
  endfunction

  always_ff @(posedge clk) begin
    elapsed <= elapsed + 1;
    if (elapsed < 4) begin
      rst <= elapsed < 3;
    end else if (!done) begin
      if (idle != 0 || stall != 0) random <= step(random);

      // A command that is offered stays until it is accepted.
      if (command_valid && command_ready) commands_count <= commands_count + 1;
      if (!command_valid || command_ready) begin
        if (fetched < command_words && int'(random[15:0]) >= idle) begin
          command <= fetch();
          command_valid <= 1;
          fetched <= fetched + 1;
        end else begin
          command_valid <= 0;
        end
      end

      response_ready <= int'(random[47:32]) >= stall;
      if (response_valid && response_ready) begin
        $fwrite(responses_file, "%u", response);
        responses_count <= responses_count + 1;
      end

      if (responses_count == response_words && commands_count == command_words) begin
        quiet <= quiet + 1;
        if (response_valid && response_ready) begin
          status <= SURPLUS;
          finish();
        end else if (quiet == quiet_cycles) begin
          status <= COMPLETE;
          finish();
        end
      end else begin
        cycles <= cycles + 1;
        if (responses_count > response_words) begin
          status <= SURPLUS;
          finish();
        end else if (cycles == max_cycles) begin
          status <= OUT_OF_CYCLES;
          finish();
        end
      end

      if (progress_file != 0 && elapsed[15:0] == 0) begin
        $fwrite(progress_file, "%0d %0d %0d\n", cycles, commands_count, responses_count);
        $fflush(progress_file);
      end
    end
  end

  task automatic finish();
    done <= 1;
    $fclose(responses_file);
  endtask
endmodule
