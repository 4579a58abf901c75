// One camera, which stays on until its panel is left. What it gives is never mirrored; only the
// preview is, where the camera looks at the person.
const SHORT_SIDE = 256; // px, as a data set keeps pictures

class Camera {
  constructor() {
    this.video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
    this.canvas = document.createElement("canvas");
    this.stream = null;
    this.others = []; // ids of all cameras, where there are several
    this.turn = 0; // of the newest request: an answer to an older one switches off again
  }

  get ready() {
    return Boolean(this.stream && this.video.videoWidth && this.video.readyState >= 2);
  }

  // Which sentence says why there is no picture; "" where there is one.
  async open(deviceId) {
    this.close();
    const turn = this.turn;
    if (!navigator.mediaDevices?.getUserMedia) return "insecure";
    const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: { ideal: "environment" } };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { ...which, width: { ideal: 640 } } });
      if (turn !== this.turn) {
        stream.getTracks().forEach((track) => track.stop());
        return "";
      }
      this.stream = stream;
      this.video.srcObject = stream;
      const { facingMode } = this.track.getSettings();
      this.video.classList.toggle("mirrored", facingMode !== "environment");
      await this.video.play();
      const all = await navigator.mediaDevices.enumerateDevices();
      this.others = all.filter(({ kind }) => kind === "videoinput").map((device) => device.deviceId);
      return "";
    } catch (problem) {
      if (turn !== this.turn || problem.name === "AbortError") return "";
      this.close();
      return { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "none", NotReadableError: "busy" }[
        problem.name
      ] || "failed";
    }
  }

  get track() {
    return this.stream.getVideoTracks()[0];
  }

  next() {
    const at = this.others.indexOf(this.track.getSettings().deviceId);
    return this.open(this.others[(at + 1) % this.others.length]);
  }

  close() {
    this.turn += 1;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = this.video.srcObject = null;
  }

  // What the camera sees now, as a promise of a JPEG.
  shoot() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.min(1, SHORT_SIDE / Math.min(width, height));
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.canvas.getContext("2d").drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    return new Promise((done) => this.canvas.toBlob(done, "image/jpeg", 0.92));
  }
}
