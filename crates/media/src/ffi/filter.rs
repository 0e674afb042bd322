//! A chain of libav's picture filters, for pictures that are not yet upright 8-bit 4:2:0.

use reprise_model::{Error, Kind, Result};

use super::frame::Frame;
use super::{AGAIN, END, av, c_string, error};

/// A chain of filters.
pub struct Filter {
    graph: *mut av::AVFilterGraph,
    source: *mut av::AVFilterContext,
    sink: *mut av::AVFilterContext,
    base: av::AVRational,
}

impl Filter {
    /// A chain in libav's notation for pictures like `frame` on the clock `base`.
    pub fn new(frame: &Frame, base: av::AVRational, chain: &str) -> Result<Self> {
        let (width, height) = frame.size();
        let aspect = frame.aspect();
        let input = format!(
            "video_size={width}x{height}:pix_fmt={}:time_base={}/{}:pixel_aspect={}/{}",
            frame.format(),
            base.num,
            base.den,
            if aspect.den > 0 { aspect.num } else { 0 },
            aspect.den.max(1)
        );
        let fail = |code| error(Kind::Bug, &format!("the filters `{chain}` do not start"), code);
        // SAFETY: every context belongs to the graph, which `self` frees; the in and out lists are
        // freed on every way out.
        unsafe {
            let graph = av::avfilter_graph_alloc();
            if graph.is_null() {
                return Err(Error::new(Kind::Limit, "out of memory"));
            }
            (*graph).nb_threads = 1;
            let mut filter =
                Self { graph, source: std::ptr::null_mut(), sink: std::ptr::null_mut(), base };
            let code = av::avfilter_graph_create_filter(
                &mut filter.source,
                av::avfilter_get_by_name(c"buffer".as_ptr()),
                c"in".as_ptr(),
                c_string(&input).as_ptr(),
                std::ptr::null_mut(),
                graph,
            );
            if code < 0 {
                return Err(fail(code));
            }
            let code = av::avfilter_graph_create_filter(
                &mut filter.sink,
                av::avfilter_get_by_name(c"buffersink".as_ptr()),
                c"out".as_ptr(),
                std::ptr::null(),
                std::ptr::null_mut(),
                graph,
            );
            if code < 0 {
                return Err(fail(code));
            }
            let mut outputs = av::avfilter_inout_alloc();
            let mut inputs = av::avfilter_inout_alloc();
            if outputs.is_null() || inputs.is_null() {
                return Err(Error::new(Kind::Limit, "out of memory"));
            }
            (*outputs).name = av::av_strdup(c"in".as_ptr());
            (*outputs).filter_ctx = filter.source;
            (*inputs).name = av::av_strdup(c"out".as_ptr());
            (*inputs).filter_ctx = filter.sink;
            let mut code = av::avfilter_graph_parse_ptr(
                graph,
                c_string(chain).as_ptr(),
                &mut inputs,
                &mut outputs,
                std::ptr::null_mut(),
            );
            av::avfilter_inout_free(&mut inputs);
            av::avfilter_inout_free(&mut outputs);
            if code >= 0 {
                code = av::avfilter_graph_config(graph, std::ptr::null_mut());
            }
            if code < 0 {
                return Err(fail(code));
            }
            Ok(filter)
        }
    }

    /// Gives it a picture, or `None` to drain it.
    pub fn send(&mut self, frame: Option<&Frame>) -> Result<()> {
        let raw = frame.map_or(std::ptr::null_mut(), Frame::as_ptr);
        // SAFETY: a configured graph; the frame is shared, not taken.
        let code = unsafe {
            av::av_buffersrc_add_frame_flags(
                self.source,
                raw,
                av::AV_BUFFERSRC_FLAG_KEEP_REF as i32,
            )
        };
        if code < 0 { Err(error(Kind::Bug, "the filters refuse a picture", code)) } else { Ok(()) }
    }

    /// Takes a picture, stamped on the clock of those that went in; false where it has none.
    pub fn receive(&mut self, frame: &mut Frame) -> Result<bool> {
        // SAFETY: a configured graph; the frame is emptied first.
        let code = unsafe {
            av::av_frame_unref(frame.as_ptr());
            av::av_buffersink_get_frame(self.sink, frame.as_ptr())
        };
        match code {
            0.. => {
                // Deinterlacers halve the clock, and leave the decoder's guess and length as they were.
                // SAFETY: a configured graph; the frame is ours.
                unsafe {
                    let stamp = &mut (*frame.as_ptr()).pts;
                    if *stamp != super::NO_TIME {
                        let base = av::av_buffersink_get_time_base(self.sink);
                        *stamp = av::av_rescale_q(*stamp, base, self.base);
                    }
                    (*frame.as_ptr()).best_effort_timestamp = *stamp;
                }
                Ok(true)
            }
            AGAIN | END => Ok(false),
            _ => Err(error(Kind::Bug, "the filters fail", code)),
        }
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        // SAFETY: ours alone; frees its filters too.
        unsafe { av::avfilter_graph_free(&mut self.graph) };
    }
}
