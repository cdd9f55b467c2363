use std::path::{Component, Path};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlcore::name::ModelName;
use mlcore::{Error, Result};

use super::temporary::Temporary;
use super::triton::TritonConfig;
use crate::v2::{Parameter, Parameters};

/// What a client brings when it loads a model, in the place of what lies in the model's folder: Triton's parameters `config`, its
/// configuration in JSON, and `file:PATH`, the files of the folder in base 64.
#[derive(Debug, Default)]
pub(super) struct Brought {
    pub(super) config: Option<TritonConfig>,
    /// A folder with the files; none where the client brings no file.
    pub(super) files: Option<Temporary>,
}

impl Brought {
    /// Reads the parameters, and writes the files.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for files without a configuration, for a path that leads out of the folder, and for what cannot be
    /// read; what the system says where they cannot be written.
    pub(super) fn read(name: &ModelName, parameters: &Parameters) -> Result<Self> {
        let config = Self::config_of(name, parameters)?;
        let files: Vec<(&str, &Parameter)> =
            parameters.iter().filter_map(|(key, value)| Some((key.strip_prefix("file:")?, value))).collect();
        if files.is_empty() {
            return Ok(Self { config, files: None });
        }
        let invalid = |path: &str, problem: String| {
            Error::invalid_input(LOAD, name.as_str(), format!("the parameter \"file:{path}\" {problem}"))
        };
        if config.is_none() {
            let problem = "files are brought without the parameter config, which says what they are";
            return Err(Error::invalid_input(LOAD, name.as_str(), problem)
                .remedy("send a configuration, too: {} is enough for one ONNX file"));
        }
        if files.len() > MOST_FILES {
            let problem = format!("it brings {} files, and at most {MOST_FILES} are taken", files.len());
            return Err(Error::invalid_input(LOAD, name.as_str(), problem));
        }
        let folder = Temporary::new("")?;
        for (path, value) in files {
            let is_inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
            if path.is_empty() || !is_inside {
                return Err(invalid(path, "is no path of a file below the model's folder".to_owned()));
            }
            let text = value.as_text().ok_or_else(|| invalid(path, "is no file in base 64".to_owned()))?;
            let bytes = STANDARD
                .decode(text)
                .map_err(|cause| invalid(path, format!("is no file in base 64: {cause}")).caused_by(cause))?;
            let file = folder.path().join(path);
            let parent = file.parent().unwrap_or(folder.path());
            std::fs::create_dir_all(parent)
                .and_then(|()| std::fs::write(&file, bytes))
                .map_err(|cause| Error::from_io(LOAD, file.display().to_string(), cause))?;
        }
        Ok(Self { config, files: Some(folder) })
    }

    /// The configuration alone.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for what cannot be read, and [`Error::Unsupported`] for what is not run here.
    pub(super) fn config_of(name: &ModelName, parameters: &Parameters) -> Result<Option<TritonConfig>> {
        let Some(config) = parameters.get("config") else { return Ok(None) };
        let text = config.as_text().ok_or_else(|| {
            Error::invalid_input(LOAD, name.as_str(), "the parameter config is no text of JSON")
        })?;
        TritonConfig::read_json(text, name.as_str()).map(Some)
    }
}

const LOAD: &str = "load model";
/// A model and its weights are a few files.
const MOST_FILES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<Brought> {
        let text = |value: &str| Parameter::Text(value.to_owned());
        let parameters = parameters.iter().map(|(key, value)| ((*key).to_owned(), text(value))).collect();
        Brought::read(&ModelName::new("m")?, &parameters)
    }

    #[test]
    fn files_lie_below_a_folder_that_goes() {
        let brought = read(&[("config", "{}"), ("file:1/model.onnx", "AAEC"), ("other", "x")]).unwrap();
        let folder = brought.files.unwrap();
        let path = folder.path().to_owned();
        assert_eq!(std::fs::read(path.join("1/model.onnx")).unwrap(), [0, 1, 2]);
        drop(folder);
        assert!(!path.exists());
        assert!(read(&[("config", "{}")]).unwrap().files.is_none());
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for path in ["../m", "/etc/m", "", "1/../../m", "./m"] {
            let error = read(&[("config", "{}"), (&format!("file:{path}"), "AAEC")]).unwrap_err().to_string();
            assert!(error.contains("no path of a file"), "{path}: {error}");
        }
        let refused = |parameters: &[(&str, &str)]| read(parameters).unwrap_err().to_string();
        assert!(refused(&[("file:1/model.onnx", "AAEC")]).contains("without the parameter config"));
        assert!(refused(&[("config", "{}"), ("file:1/model.onnx", "A-")]).contains("base 64"));
        assert!(refused(&[("config", "{")]).contains("config of m"));
    }
}
